//! What is there for code by people and models who write for Node, and what they are told about the rest.

use crate::harness::script::{error, logs, result, run};
use mayfly::isolate::ErrorKind;

/// Expressions and what Node 20 makes of them: `node runtime/tests/tables/node.mjs`.
const AS_NODE: &str = include_str!("../tables/buffer.txt");

#[test]
fn a_buffer_does_what_nodes_does() {
    let rows: Vec<(&str, &str)> =
        AS_NODE.lines().map(|row| row.split_once('\t').expect("an expression and its value")).collect();
    assert!(rows.len() > 35, "{} rows", rows.len());
    let values: String = rows.iter().map(|(expression, _)| format!("() => ({expression}),\n")).collect();
    let source = format!(
        "return [{values}].map((value) => {{ try {{ return value() }} catch (error) {{ return `${{error.name}} ${{error.code}}` }} }})"
    );
    let came: Vec<serde_json::Value> = serde_json::from_str(&result(&source)).expect("JSON");
    for ((expression, expected), came) in rows.iter().zip(&came) {
        let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(*came, expected, "{expression}");
    }
}

#[test]
fn the_environment_is_there_and_empty_and_the_rest_of_process_says_what_to_use() {
    assert_eq!(
        result("return [process.env.HOME ?? null, Object.keys(process.env), typeof process, 'exit' in process]"),
        r#"[null,[],"object",false]"#
    );
    // Whoever only wants to know where it runs is told: not in Node.
    let asks = "return [process.versions?.node ?? null, process.release?.name ?? null, process.browser ?? null, process.platform ?? null,
        Object.prototype.toString.call(process), `${typeof module}`, `${typeof window}`, String(await process === process)]";
    assert_eq!(result(asks), r#"[null,null,null,null,"[object Object]","undefined","undefined","true"]"#);
    for (source, advice) in [
        ("process.exit(1)", "return from the script"),
        ("process.argv[2]", "parameter of the function"),
        ("process.stdout.write('x')", "console.log"),
        ("process.nextTick(() => {})", "queueMicrotask"),
        ("process.on('exit', () => {})", "try and catch"),
        ("process.binding('fs')", "not available"),
    ] {
        let error = error(source);
        assert_eq!(
            (error.kind, error.name.as_str(), error.line),
            (ErrorKind::Exception, "TypeError", Some(1)),
            "{source}"
        );
        assert!(error.message.contains(advice) && error.message.contains("in Mayfly"), "{source}: {}", error.message);
    }
}

#[test]
fn a_package_that_is_required_or_imported_is_told_with_what_to_use_instead() {
    let required = error("const x = 1;\nconst fs = require('fs');");
    assert_eq!((required.kind, required.line), (ErrorKind::Exception, Some(2)), "{required:?}");
    assert!(required.message.contains("Cannot require 'fs'") && required.message.contains("no files"), "{required:?}");
    let caught =
        "try { require('left-pad') } catch (error) { return [error.code, error.message.includes('./name.ts')] }";
    assert_eq!(result(caught), r#"["MODULE_NOT_FOUND",true]"#);
    let dynamic = "return await import('axios').catch((error) => [error.name, error.message])";
    assert_eq!(result(dynamic), r#"["TypeError","Cannot import 'axios': use the global `fetch`."]"#);
}

#[test]
fn an_import_that_nothing_can_answer_is_refused_before_anything_runs() {
    let source = "console.log('running');\nimport _ from 'lodash';\nexport default () => _.chunk([1, 2], 1)";
    let outcome = run(source);
    assert!(outcome.logs.lines.is_empty(), "{:?}", outcome.logs);
    let error = outcome.result.expect_err("refused");
    assert_eq!((error.kind, error.line, error.column), (ErrorKind::Syntax, Some(2), Some(15)), "{error:?}");
    assert_eq!(error.source.as_deref(), Some("import _ from 'lodash';"));
    assert!(error.message.contains("Object.groupBy"), "{}", error.message);
}

#[test]
fn immediates_run_soon_and_can_be_cleared() {
    let source = r#"
        const order: string[] = [];
        clearImmediate(setImmediate(() => order.push("never")));
        setImmediate((a, b) => order.push(a + b), "im", "mediate");
        queueMicrotask(() => order.push("micro"));
        order.push("now");
        await new Promise((done) => setTimeout(done, 5));
        return [order, global === globalThis];
    "#;
    assert_eq!(result(source), r#"[["now","micro","immediate"],true]"#);
}

#[test]
fn marks_and_measures_are_kept() {
    let source = r#"
        performance.mark("a", { detail: 7 });
        await new Promise((done) => setTimeout(done, 20));
        performance.mark("b");
        const between = performance.measure("a to b", "a", "b");
        const { duration } = performance.measure("all", { start: 5, duration: 10 });
        performance.clearMarks("b");
        for (let i = 0; i < 3000; i++) performance.mark("many");
        return [between.duration, duration, performance.getEntriesByType("measure").length, performance.getEntriesByName("a")[0].detail,
            performance.getEntriesByName("b").length, performance.getEntries().length];
    "#;
    assert_eq!(result(source), "[20,10,2,7,0,1000]");
    assert!(error("performance.measure('x', 'no such mark')").message.contains("no such mark"));
}

#[test]
fn nothing_of_them_can_be_used_to_reach_the_engine() {
    let source = r#"
        const reached: string[] = [];
        for (const start of [process, process.env, require, Buffer, console, performance, Error.prepareStackTrace]) {
            for (let at: any = start; at; at = Object.getPrototypeOf(at)) {
                for (const key of Reflect.ownKeys(at)) if (/mayfly|native|emit/i.test(String(key))) reached.push(String(key));
            }
        }
        return [reached, "__mayfly_natives" in globalThis, logged()];
        function logged() { console.log(process, Buffer); return 1 }
    "#;
    assert_eq!(result(source), "[[],false,1]");
    assert_eq!(logs("process.env.A = 'b'; console.log(process.env)"), ["log: { A: 'b' }"]);
}
