//! Bodies in parts, as a script sees them: the host's side is played here, without a socket.

use crate::harness::script::{BENCH, ORIGIN};
use mayfly::isolate::{Answer, Ask, AskKind, Given, Isolate, Outcome, Rejection, ResponseHead, Step};
use mayfly::limits::DEFAULTS;
use mayfly::prepare::Script;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What the host was told, beside the asks it answered.
#[derive(Default)]
struct Told {
    response: Option<ResponseHead>,
    cancelled: Vec<u32>,
}

/// Runs a script against a host that answers with `host`; an ask that it does not answer waits for ever.
fn run(source: &str, given: Given<'_>, mut host: impl FnMut(&Ask) -> Option<Answer>) -> (Outcome, Told) {
    futures::executor::block_on(async {
        let program = BENCH.programs.prepare("tests", &Script::single(source), DEFAULTS.source_bytes).await.unwrap();
        let (mut isolate, mut step) =
            Isolate::start(&BENCH.engine, &program, given, &DEFAULTS, ORIGIN, None).await.unwrap();
        let (mut told, mut open) = (Told::default(), VecDeque::new());
        loop {
            told.response = isolate.take_response().or(told.response);
            match step {
                Step::Done(outcome) => return (outcome, told),
                Step::Waiting(turn) => {
                    open.retain(|(number, _): &(u32, Answer)| !turn.cancelled.contains(number));
                    told.cancelled.extend(turn.cancelled);
                    open.extend(turn.asks.iter().filter_map(|ask| Some((ask.number, host(ask)?))));
                }
            }
            let Some((number, answer)) = open.pop_front() else { return (isolate.cancel("nothing comes"), told) };
            step = isolate.deliver(number, &answer, 1.0).await;
        }
    })
}

fn value((outcome, _): (Outcome, Told)) -> Value {
    serde_json::from_str(outcome.result.unwrap().get()).unwrap()
}

/// An upstream whose reply comes in these parts, the first of them with its head.
fn upstream(parts: &[&str]) -> impl FnMut(&Ask) -> Option<Answer> {
    let mut parts: VecDeque<Vec<u8>> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
    move |ask| match ask.kind {
        AskKind::Fetch { .. } => Some(Answer::Fulfilled {
            meta: r#"{"status":200,"stream":true}"#.to_owned(),
            body: parts.pop_front().unwrap_or_default(),
        }),
        AskKind::Read { .. } => {
            let part = parts.pop_front();
            Some(Answer::part(part.unwrap_or_default(), parts.is_empty()))
        }
        _ => Some(Answer::nothing()),
    }
}

const INPUT: Given<'_> = Given::Input("null");

#[test]
fn a_reply_in_parts_is_read_whole_or_as_a_stream() {
    let whole = run("return await (await fetch('https://a.example/')).text()", INPUT, upstream(&["ab", "cd", "é"]));
    assert_eq!(value(whole), json!("abcdé"));
    let parts = run(
        "const got = []; const reply = await fetch('https://a.example/');
         for await (const part of reply.body.pipeThrough(new TextDecoderStream())) got.push(part);
         return [got, reply.bodyUsed]",
        INPUT,
        upstream(&["ab", "cd", "é"]),
    );
    assert_eq!(value(parts), json!([["ab", "cd", "é"], true]));
}

#[test]
fn parts_are_asked_for_one_at_a_time_and_only_when_wanted() {
    let mut reads = 0;
    let mut reply = upstream(&["1", "2", "3", "4"]);
    let (outcome, told) = run(
        "const { body } = await fetch('https://a.example/');
         const reader = body.getReader();
         const decode = async () => new TextDecoder().decode((await reader.read()).value);
         const got = [await decode(), await decode()];
         await reader.cancel();
         await new Promise((done) => setTimeout(done, 0));
         return got",
        INPUT,
        |ask| {
            reads += u32::from(matches!(ask.kind, AskKind::Read { stream: 1 }));
            reply(ask)
        },
    );
    assert_eq!(value((outcome, Told::default())), json!(["1", "2"]));
    assert_eq!((reads, told.cancelled), (1, vec![1]), "the first part came with the head; the stream was given up");
}

#[test]
fn a_copy_of_a_reply_in_parts_has_all_of_it_too() {
    let both = run(
        "const reply = await fetch('https://a.example/'); const copy = reply.clone();
         return await Promise.all([reply.text(), copy.text()])",
        INPUT,
        upstream(&["ab", "cd"]),
    );
    assert_eq!(value(both), json!(["abcd", "abcd"]));
}

#[test]
fn a_body_that_breaks_off_rejects_and_says_so() {
    let broken = run(
        "const reply = await fetch('https://a.example/');
         try { await reply.text() } catch (error) { return [error.name, error.message] }",
        INPUT,
        |ask| {
            Some(match ask.kind {
                AskKind::Fetch { .. } => {
                    Answer::Fulfilled { meta: r#"{"status":200,"stream":true}"#.into(), body: b"a".to_vec() }
                }
                _ => Answer::Rejected(Rejection { name: "TypeError", message: "cut".into(), ..Rejection::default() }),
            })
        },
    );
    assert_eq!(value(broken), json!(["TypeError", "cut"]));
}

#[test]
fn an_abort_ends_a_body_under_way_and_lets_the_call_go() {
    let (outcome, told) = run(
        "const controller = new AbortController();
         const reply = await fetch('https://a.example/', { signal: controller.signal });
         const text = reply.text();
         controller.abort();
         let told; try { await text } catch (error) { told = error.name }
         await new Promise((done) => setTimeout(done, 0));
         return told",
        INPUT,
        |ask| match ask.kind {
            AskKind::Fetch { .. } => {
                Some(Answer::Fulfilled { meta: r#"{"status":200,"stream":true}"#.into(), body: Vec::new() })
            }
            AskKind::Timer { .. } => Some(Answer::nothing()),
            _ => None,
        },
    );
    assert_eq!(value((outcome, Told::default())), json!("AbortError"));
    assert!(told.cancelled.contains(&1), "the fetch's own number, which is its stream's: {:?}", told.cancelled);
}

#[test]
fn a_request_body_goes_out_as_its_stream_gives_it() {
    let mut sent = Vec::new();
    let answer = run(
        "const body = new ReadableStream({
           async pull(controller) {
             this.n = (this.n ?? 0) + 1;
             if (this.n > 3) return controller.close();
             await new Promise((done) => setTimeout(done, 1));
             controller.enqueue(new TextEncoder().encode(`part ${this.n};`));
           },
         });
         return (await fetch('https://a.example/', { method: 'POST', body, duplex: 'half' })).status",
        INPUT,
        |ask| match &ask.kind {
            AskKind::Fetch { upload, body, .. } => {
                assert!(*upload && body.is_empty());
                None
            }
            AskKind::Write { stream: 1, end, bytes } => {
                sent.push((String::from_utf8(bytes.clone()).unwrap(), *end));
                Some(Answer::nothing())
            }
            _ => Some(Answer::nothing()),
        },
    );
    // Nobody answered the fetch itself; what counts is what was sent.
    assert!(answer.0.result.is_err());
    let told: Vec<_> = sent.iter().map(|(text, end)| (text.as_str(), *end)).collect();
    assert_eq!(told, [("part 1;", false), ("part 2;", false), ("part 3;", false), ("", true)]);
}

#[test]
fn a_stream_that_fails_fails_the_fetch_and_cancels_it() {
    let (outcome, told) = run(
        "const body = new ReadableStream({ start(controller) { controller.enqueue('text') } });
         let told; try { await fetch('https://a.example/', { method: 'POST', body, duplex: 'half' }) } catch (error) { told = error.message }
         await new Promise((done) => setTimeout(done, 0));
         return told",
        INPUT,
        |ask| (!matches!(ask.kind, AskKind::Fetch { .. })).then(Answer::nothing),
    );
    let message = serde_json::from_str::<String>(outcome.result.unwrap().get()).unwrap();
    assert!(message.contains("Uint8Array"), "{message}");
    assert_eq!(told.cancelled, [1]);
}

const REQUEST: &str = r#"{"method":"POST","url":"https://s.example/a?b=1","headers":[["x-a","1"]]}"#;

#[test]
fn a_request_is_answered_with_one_frame_when_the_response_is_whole() {
    let (outcome, told) = run(
        "export default { async fetch(request, env, ctx) {
           ctx.waitUntil((async () => { await new Promise((done) => setTimeout(done, 1)); console.log('after') })());
           return Response.json({ method: request.method, url: request.url, a: request.headers.get('x-a'), body: await request.text() },
             { status: 201, headers: [['set-cookie', 'a=1'], ['set-cookie', 'b=2']] });
         } }",
        Given::Request { head: REQUEST, body: "hé".as_bytes() },
        |_| Some(Answer::nothing()),
    );
    let head = told.response.unwrap();
    let body: Value = serde_json::from_slice(&head.body).unwrap();
    assert_eq!(body, json!({ "method": "POST", "url": "https://s.example/a?b=1", "a": "1", "body": "hé" }));
    assert_eq!((head.status, head.stream), (201, false));
    let cookies: Vec<_> =
        head.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value).collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert!(outcome.result.is_ok());
    assert_eq!(outcome.logs.lines[0].text, "after", "what was given to waitUntil ran after the response");
}

#[test]
fn a_response_in_parts_follows_its_head_as_the_script_writes_it() {
    let mut sent = Vec::new();
    let (outcome, told) = run(
        "export default { async fetch(request) { return new Response(request.body) } }",
        Given::Request {
            head: r#"{"method":"POST","url":"https://s.example/","headers":[],"stream":true}"#,
            body: b"",
        },
        {
            let mut parts = VecDeque::from(["one", "two"]);
            let sent = &mut sent;
            move |ask| {
                Some(match &ask.kind {
                    AskKind::Read { stream: 0 } => match parts.pop_front() {
                        Some(part) => Answer::part(part.into(), false),
                        None => Answer::part(Vec::new(), true),
                    },
                    AskKind::Write { stream: 0, end, bytes } => {
                        sent.push((String::from_utf8(bytes.clone()).unwrap(), *end));
                        Answer::nothing()
                    }
                    other => panic!("{other:?}"),
                })
            }
        },
    );
    assert!(outcome.result.is_ok(), "{outcome:?}");
    assert!(told.response.is_some_and(|head| head.stream && head.body.is_empty()));
    assert_eq!(sent, [("one".to_owned(), false), ("two".to_owned(), false), (String::new(), true)]);
}

#[test]
fn a_script_that_gives_no_response_fails_in_words() {
    let cases = [
        ("export default { fetch() { return 'text' } }", "must return a Response"),
        ("export default async () => 1", "answers HTTP requests"),
        ("export default { fetch() { return Response.error() } }", "Response.error()"),
        (
            "export default { async fetch(r) { const a = new Response('x'); await a.text(); return a } }",
            "already been read",
        ),
    ];
    for (source, expected) in cases {
        let (outcome, told) = run(source, Given::Request { head: REQUEST, body: b"" }, |_| None);
        let error = outcome.result.unwrap_err();
        assert!(error.message.contains(expected), "{source}: {error:?}");
        assert!(told.response.is_none());
    }
}

#[test]
fn a_body_is_read_once_however_it_is_read() {
    let value = value(run(
        "const refused = async (work) => { try { await work(); return null } catch (error) { return error.name } };
         const text = new Response('a'); await text.text();
         const locked = new Response('a'); locked.body.getReader();
         const stream = new ReadableStream({ start(c) { c.enqueue(new Uint8Array(1)); c.close() } });
         stream.getReader();
         return [await refused(() => text.json()), text.bodyUsed, await refused(() => locked.text()), locked.bodyUsed,
           await refused(() => new Response(stream)), await refused(() => new Request('https://a.example', { method: 'POST', body: new ReadableStream() })),
           new Response(null).body, new Response('').body instanceof ReadableStream]",
        INPUT,
        |_| None,
    ));
    assert_eq!(value, json!(["TypeError", true, "TypeError", false, "TypeError", "TypeError", null, true]));
}
