//! Scripts that are made to cost: each is answered in time, and the next check finds a checker.

use crate::harness::{block, check, check_modules, checker, list};
use mayfly_checker::{Verdict, limits};
use std::time::{Duration, Instant};

fn scripts() -> Vec<(&'static str, String)> {
    let nested =
        |open: &str, depth: usize, close: &str| format!("const x = {}{}", open.repeat(depth), close.repeat(depth));
    vec![
        ("3,000 nested [", nested("[", 3_000, "]")),
        // Closing brackets in comments hide the depth of 250 from the count.
        ("nesting that hides", nested("[/*]*/", 250, "]")),
        ("3,000 nested types", format!("let x: {}1{}", "Array<".repeat(3_000), ">".repeat(3_000))),
        ("100,000 exclamation marks", format!("const x = {}1", "!".repeat(100_000))),
        ("a long sum", format!("const x = 1{}", " + 1".repeat(100_000))),
        (
            "type recursion",
            "type T<N extends any[]> = N['length'] extends 999 ? N : T<[...N, 1]>; type X = T<[]>; const a: X = 1;"
                .into(),
        ),
        (
            "endless conditional types",
            "type F<A, B> = A extends string ? F<B, A | { a: B }> : F<{ b: A }, B>; const z: F<1, 2> = 3;".into(),
        ),
        (
            "Fibonacci in types",
            "type B<L extends number, A extends any[] = []> = A['length'] extends L ? A : B<L, [...A, any]>; \
             type Add<A extends number, C extends number> = [...B<A>, ...B<C>]['length'] & number; \
             type Fib<N extends number, I extends number = 0, A extends number = 0, C extends number = 1> = \
             I extends N ? A : Fib<N, Add<I, 1>, C, Add<A, C>>; const x: Fib<18> = 1;"
                .into(),
        ),
        (
            "unions of 10,000 texts",
            "type D = '0'|'1'|'2'|'3'|'4'|'5'|'6'|'7'|'8'|'9'; type U = `${D}${D}${D}${D}`; \
             type V = U | `${U}x` | `${U}y`; const u: V = 'a'; const w: `${U}` = u; const q: Exclude<V, U> = w;"
                .into(),
        ),
        ("text of control characters", (1..0x2000u32).filter_map(char::from_u32).collect()),
        (
            "a directive that names a file",
            "/// <reference path=\"/etc/passwd\" />\n/// <reference lib=\"dom\" />\nimport x from '/etc/passwd'".into(),
        ),
    ]
}

#[test]
fn every_one_is_answered_in_time_and_the_next_check_works() {
    let Some(checker) = checker() else { return };
    block(async {
        for (name, script) in scripts() {
            let began = Instant::now();
            let verdict = check(&checker, &script).await;
            let took = began.elapsed();
            // A compiler that has to be started first, on a machine that does other things, is not what is measured here.
            let bound = Duration::from_millis(limits::CHECK_MS + limits::START_MS);
            assert!(took < bound, "{name}: {took:?}");
            if let Verdict::NotChecked(reason) = &verdict {
                eprintln!("{name}: {took:?}: {reason}");
            }
            if name.contains('[') || name.contains("hides") {
                assert!(matches!(verdict, Verdict::NotChecked(_)), "{name}: {verdict:?}");
            }
            let next = list(check(&checker, "return (await shop.orders.list()).nothing").await);
            assert_eq!(next.len(), 1, "after {name}");
        }
    });
}

/// What is known to be over the deadline is ended at it.
#[test]
fn a_check_ends_at_its_deadline() {
    let Some(checker) = checker() else { return };
    block(async {
        list(check(&checker, "return 1").await);
        let script = format!("const x = {}{}", "[/*]*/".repeat(1_000), "]".repeat(1_000));
        let began = Instant::now();
        let Verdict::NotChecked(reason) = check(&checker, &script).await else { panic!("it takes minutes") };
        let took = began.elapsed();
        assert_eq!(reason, "the type checker took longer than 2000 ms");
        assert!((Duration::from_millis(1_900)..Duration::from_millis(2_700)).contains(&took), "{took:?}");
    });
}

/// One tenant's endless scripts hold one compiler; the other tenant has the other one.
#[test]
fn one_tenant_does_not_hold_every_compiler() {
    let Some(checker) = checker() else { return };
    let endless = format!("const x = {}{}", "[/*]*/".repeat(1_000), "]".repeat(1_000));
    let modules = [("main.ts", endless.as_str())];
    block(async {
        list(check(&checker, "return 1").await);
        let evil = || check_modules(&checker, "evil", &modules);
        let acme = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            list(check(&checker, "return (await shop.orders.list()).nothing").await)
        };
        let (first, second, third, told) = tokio::join!(evil(), evil(), evil(), acme);
        assert_eq!(told.len(), 1);
        for verdict in [first, second, third] {
            assert!(matches!(verdict, Verdict::NotChecked(_)), "{verdict:?}");
        }
    });
}

/// What one script declared is not there for the next, whatever it was.
#[test]
fn nothing_of_a_script_stays() {
    let Some(checker) = checker() else { return };
    block(async {
        let first = "declare global { var left: number; interface Array<T> { left: T } }\nexport default () => left";
        assert_eq!(list(check(&checker, first).await), []);
        let found = list(check(&checker, "return left + [1].left").await);
        assert_eq!(found.len(), 2, "{found:?}");
        let found =
            list(check(&checker, "import * as other from '../1/main.ts';\nreturn other.default().nothing.here").await);
        assert_eq!(found, [], "an unknown module is any");
    });
}

/// What is told costs no more than what is found.
#[test]
fn a_hundred_thousand_mistakes_are_counted_in_time() {
    let Some(checker) = checker() else { return };
    block(async {
        let script = "shop.a.b=c;\n".repeat(80_000);
        let began = Instant::now();
        if let Verdict::Wrong { diagnostics, more } = check(&checker, &script).await {
            assert_eq!((diagnostics.len(), diagnostics[19].line > 5), (limits::DIAGNOSTICS_MAX, true));
            assert!(more > 70_000, "{more}");
        }
        assert!(began.elapsed() < Duration::from_millis(limits::CHECK_MS + limits::START_MS), "{:?}", began.elapsed());
        assert_eq!(list(check(&checker, "return shop.nothing").await).len(), 1);
    });
}
