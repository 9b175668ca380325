//! Source that is no script: a `syntax` error with its place, never a crash.

use crate::harness::script::{ORIGIN, error, failed, result, run_with};
use mayfly::isolate::ErrorKind;
use mayfly::limits::DEFAULTS;

#[test]
fn a_syntax_error_shows_module_line_column_and_the_line_itself() {
    let error = error("const a = 1;\nconst b: number = ;\nreturn a");
    assert_eq!(error.kind, ErrorKind::Syntax);
    assert_eq!((error.module.as_deref(), error.line, error.column), (Some("main.ts"), Some(2), Some(19)), "{error:?}");
    assert_eq!(error.source.as_deref(), Some("const b: number = ;"));
}

#[test]
fn what_is_missing_at_the_end_is_shown_behind_the_last_thing_that_stands_there() {
    let error = error("const a = 1;\nreturn { a: a\n\n");
    assert_eq!((error.line, error.column), (Some(2), Some(14)), "{error:?}");
    assert_eq!(error.source.as_deref(), Some("return { a: a"));
}

#[test]
fn lines_are_counted_in_the_text_as_it_was_sent_fences_included() {
    let error = error("Sure! Here it is:\n```ts\nconst a = 1;\nconst a = 2;\n```\n");
    assert_eq!((error.kind, error.line), (ErrorKind::Syntax, Some(4)), "{error:?}");
}

#[test]
fn forty_kilobytes_of_nesting_is_a_syntax_error() {
    let n = 20_000;
    for source in [
        format!("{}{}", "[".repeat(n), "]".repeat(n)),
        format!("return {}1{}", "(".repeat(n), ")".repeat(n)),
        format!("{}{}", "{".repeat(n), "}".repeat(n)),
        format!("return {}1{}", "`${".repeat(n), "}`".repeat(n)),
        format!("let x: {}number{} = 1", "Array<".repeat(n), ">".repeat(n)),
        format!("return {}1", "()=>".repeat(n)),
        format!("return {}1", "!".repeat(n)),
        "if(1)".repeat(n),
        "[".repeat(n),
        "<A>".repeat(n),
    ] {
        let error = error(&source);
        assert_eq!(error.kind, ErrorKind::Syntax, "{}: {error:?}", &source[..20]);
    }
    assert_eq!(result("return 'still here'"), r#""still here""#);
}

#[test]
fn what_is_no_text_is_no_script() {
    for source in ["\0asm\u{1}\0\0\0", "const a = '\0';\u{1}\0", "\u{2}\u{5}\u{12}bytecode"] {
        let error = error(source);
        assert_eq!(error.kind, ErrorKind::Syntax, "{source:?}: {error:?}");
    }
}

#[test]
fn more_source_than_the_limit_is_told_with_both_numbers() {
    let error = failed(run_with(&format!("return 1;//{}", "x".repeat(2 << 20)), "null", &DEFAULTS, ORIGIN));
    assert_eq!(error.kind, ErrorKind::SourceLimit);
    assert!(error.message.contains("2097163") && error.message.contains("1048576"), "{}", error.message);
}

#[test]
fn what_has_no_meaning_here_is_refused_with_its_place() {
    for (source, word, line) in [
        ("\nconst view = <div>hi</div>;", "JSX", 2),
        ("@log\nclass A {}\nreturn 1", "ecorator", 1),
        ("import fs = require('fs');", "require", 1),
    ] {
        let error = error(source);
        assert_eq!((error.kind, error.line), (ErrorKind::Syntax, Some(line)), "{source}: {error:?}");
        assert!(error.message.contains(word), "{source}: {}", error.message);
    }
}

#[test]
fn a_wrong_program_is_refused_from_the_cache_too() {
    let first = error("return (");
    assert_eq!(first, error("return ("));
}
