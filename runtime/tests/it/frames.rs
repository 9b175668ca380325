//! The frames between host and guest: what is written is read back, and nothing that a guest writes is a panic.

use mayfly_abi::{Deliver, Effect, EffectKind, OutcomeKind, Start, Stimulus, effects};

const STIMULUS: Stimulus = Stimulus { now_ms: 1.5, elapsed_ms: 0.25, seed: [7; 32] };

#[test]
fn what_is_written_is_read_back() {
    let start = Start {
        tools: "shop notes",
        stimulus: STIMULUS,
        heap_bytes_max: 9,
        is_request: true,
        input: b"{}",
        body: b"abc",
        modules: vec![("main.ts", b"code")],
    };
    let mut bytes = Vec::new();
    start.write(&mut bytes);
    assert_eq!(Start::read(&bytes), Ok(start));

    let deliver = Deliver { stimulus: STIMULUS, kind: OutcomeKind::Rejected, number: 3, meta: b"{}", body: b"x" };
    let mut bytes = Vec::new();
    deliver.write(&mut bytes);
    assert_eq!(Deliver::read(&bytes), Ok(deliver));

    let effect = Effect { kind: EffectKind::Log, number: 0, meta: b"", body: b"hello" };
    let mut bytes = Vec::new();
    effect.write(&mut bytes);
    effect.write(&mut bytes);
    assert_eq!(effects(&bytes).collect::<Vec<_>>(), vec![Ok(effect.clone()), Ok(effect)]);
}

#[test]
fn every_truncation_and_every_flipped_byte_is_an_error_or_a_frame_never_a_panic() {
    let mut bytes = Vec::new();
    Effect { kind: EffectKind::Fetch, number: 1, meta: b"{\"a\":1}", body: b"abc" }.write(&mut bytes);
    for length in 1..bytes.len() {
        assert!(effects(&bytes[..length]).any(|effect| effect.is_err()), "truncated at {length}");
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] = 0xff;
        assert!(effects(&changed).count() <= bytes.len());
    }
}
