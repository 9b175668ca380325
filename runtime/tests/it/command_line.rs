//! What somebody at a terminal sees: commands, exit statuses, and words for what is wrong.

use crate::harness::server::{folder, mayfly, write};
use std::process::{Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    mayfly().args(arguments).stdin(Stdio::null()).output().expect("it runs")
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn script(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "script.ts", text);
    let path = folder.path().join("script.ts").display().to_string();
    (folder, path)
}

#[test]
fn run_prints_the_result_and_keeps_the_rest_off_standard_output() {
    let (_folder, path) = script("console.log('a line'); return { doubled: input.n * 2 }");
    let (status, out, err) = said(&run(&["run", &path, "--input", r#"{"n": 4}"#]));
    assert_eq!((status, out.as_str()), (Some(0), "{\"doubled\":8}\n"), "{err}");
    assert!(err.contains("log   a line") && err.contains("completed in"), "{err}");
    assert!(!err.contains('\x1b'), "{err}");
}

#[test]
fn run_with_json_prints_the_run_object() {
    let (_folder, path) = script("return 1");
    let (status, out, _) = said(&run(&["run", &path, "--json"]));
    let object: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, &object["status"], &object["result"]), (Some(0), &"completed".into(), &1.into()));
}

#[test]
fn input_comes_from_the_argument_a_file_or_standard_input() {
    let (folder, path) = script("return input.n");
    write(folder.path(), "input.json", r#"{"n": 7}"#);
    let file = format!("@{}", folder.path().join("input.json").display());
    assert_eq!(said(&run(&["run", &path, "--input", &file])).1, "7\n");
    let mut child = mayfly()
        .args(["run", &path, "--input", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), br#"{"n": 9}"#).unwrap();
    assert_eq!(String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout), "9\n");
}

#[test]
fn the_exit_status_says_how_it_ended() {
    for (source, expected, words) in [
        ("throw new Error('no')", 1, "exception: Error: no"),
        ("const a = ;", 1, "syntax: "),
        ("await new Promise(() => {})", 1, "deadlock: "),
        ("for (;;);", 3, "cpu_limit: "),
        ("const a = []; for (;;) a.push('x'.repeat(1000) + a.length)", 3, "memory_limit: "),
        ("await fetch('https://example.com/')", 1, "no rule of tenant"),
    ] {
        let (_folder, path) = script(source);
        let (status, out, err) = said(&run(&["run", &path]));
        assert_eq!((status, out.as_str()), (Some(expected), ""), "{source}: {err}");
        assert!(err.contains(words), "{source}: {err}");
    }
}

#[test]
fn an_error_shows_the_line_and_points_to_the_place() {
    let (_folder, path) = script("const total: number = 3;\n  missing.call(total);\n");
    let (_, _, err) = said(&run(&["run", &path]));
    assert!(err.contains("exception: ReferenceError: missing is not defined"), "{err}");
    assert!(err.contains("at main.ts:2:") && err.contains("   2 |   missing.call(total);"), "{err}");
}

#[test]
fn wrong_usage_is_status_2_and_says_what_to_write() {
    let (folder, path) = script("return 1");
    let missing = folder.path().join("missing.ts").display().to_string();
    write(folder.path(), "bytes.ts", "x");
    std::fs::write(folder.path().join("bytes.ts"), b"\0asm\xff\xfe").unwrap();
    let bytes = folder.path().join("bytes.ts").display().to_string();
    for (arguments, words) in [
        (vec!["run", &missing], "No such file"),
        (vec!["run", &bytes], "is not text (UTF-8); only source is run"),
        (vec!["run", &path, "--input", "{"], "--input is not JSON"),
        (vec!["run", &path, "--input", "@/nowhere.json"], "--input @/nowhere.json"),
        (vec!["run", &path, "--tenant", "acme"], "there is no mayfly.toml"),
        (vec!["run", &path, "--config", "/nowhere.toml"], "/nowhere.toml: cannot be read"),
        (vec!["serve", "--config", "/nowhere.toml"], "name the file with --config FILE"),
        (vec!["token", "new", "--tenant", "a", "--role", "king"], "runner, deployer, auditor and admin"),
        (vec!["rum"], "run"),
        (vec![], "Usage"),
    ] {
        let (status, out, err) = said(&run(&arguments));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
}

#[test]
fn every_mistake_in_configuration_has_file_line_key_and_hint() {
    for (config, rules, words) in [
        ("lissten = \"x\"\n", "", "mayfly.toml:4: unknown key `lissten`\n  hint: did you mean `listen`?"),
        ("[limits]\ncpu_ms = 99999999\n", "", "mayfly.toml:5: cpu_ms = 99999999 is above the limit 30000"),
        (
            "",
            "[[rule]]\nname = \"a\"\nalow = \"https://x.org/\"\n",
            "acme.toml:7: unknown key `alow`\n  hint: did you mean `allow`?",
        ),
        ("", "[[rule]]\nname = \"a\"\nallow = \"https://x.org/**\"\ncredential = \"nope\"\n", "nope"),
        (
            "",
            "[[credential]]\nname = \"k\"\nfrom = \"env:MAYFLY_TEST_NOT_SET\"\nheader = \"x-key\"\n",
            "MAYFLY_TEST_NOT_SET",
        ),
    ] {
        let folder = folder(config, rules);
        let file = folder.path().join("mayfly.toml").display().to_string();
        let (status, _, err) = said(&run(&["serve", "--config", &file]));
        assert_eq!(status, Some(2), "{err}");
        assert!(err.contains(words), "{words}\n---\n{err}");
    }
}

#[test]
fn a_new_token_works_and_is_shown_once() {
    let (status, out, err) = said(&run(&["token", "new", "--tenant", "acme"]));
    assert_eq!(status, Some(0));
    let token = out.trim();
    let sha256 = err.lines().find_map(|line| line.strip_prefix("sha256 = ")).expect("the line for the file");
    let folder = folder("", "");
    write(
        folder.path(),
        "tenants/acme.toml",
        &format!("tenant = \"acme\"\n[[token]]\nsha256 = {sha256}\nrole = \"runner\"\n"),
    );
    assert!(token.starts_with("mf_") && token.len() >= 46 && !err.contains(token), "{out} {err}");
    use sha2::Digest;
    let digest: String = sha2::Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sha256.trim_matches('"'), digest);
}

#[test]
fn policy_explain_names_the_rule_and_why() {
    let rules = "[[rule]]\nname = \"read\"\nallow = \"https://api.example.com/repos/**\"\nmethods = [\"GET\"]\n\
                 [[rule]]\nname = \"never secrets\"\ndeny = \"https://api.example.com/repos/*/secrets/**\"\n";
    let folder = folder("", rules);
    let file = folder.path().join("mayfly.toml").display().to_string();
    let explain = |method: &str, url: &str| {
        said(&run(&["policy", "explain", method, url, "--tenant", "acme", "--config", &file]))
    };
    let (status, out, _) = explain("GET", "https://api.example.com/repos/a/b");
    assert!(status == Some(0) && out.starts_with("allow: GET ") && out.contains("\"read\""), "{out}");
    let (status, out, _) = explain("GET", "https://api.example.com/repos/a/secrets/b");
    assert!(status == Some(1) && out.starts_with("deny: ") && out.contains("never secrets"), "{out}");
    let (status, out, _) = explain("POST", "https://api.example.com/repos/a");
    assert!(status == Some(1) && out.starts_with("deny: "), "{out}");
    let (status, _, err) =
        said(&run(&["policy", "explain", "GET", "https://a/", "--tenant", "nobody", "--config", &file]));
    assert!(status == Some(2) && err.contains("nobody"), "{err}");
}

#[test]
fn version_names_the_engine_and_wasmtime() {
    let (_, out, _) = said(&run(&["version", "--json"]));
    let version: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(version["engine"].as_str().map(str::len), Some(64), "{version}");
    assert!(version["wasmtime"].as_str().is_some_and(|text| text.starts_with("48.")), "{version}");
}

#[test]
fn the_demo_shows_a_result_a_refused_call_and_what_it_cost() {
    let (status, out, err) = said(&run(&["demo"]));
    assert_eq!(status, Some(0), "{err}");
    let result: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(result["ready"].as_array().map(Vec::len), Some(3), "{out}");
    assert!(err.contains("deny") && err.contains("DELETE") && err.contains("PolicyError"), "{err}");
    assert!(err.contains("read the shop") && err.contains("completed in"), "{err}");
    assert!(!err.contains("mf_"), "the key is shown: {err}");
}

#[test]
fn policy_diff_says_what_a_change_opens_and_its_status_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let rule = |url: &str| format!("tenant = \"acme\"\n[[rule]]\nname = \"api\"\nallow = \"{url}\"\n");
    write(folder.path(), "old.toml", &rule("https://api.test/v1/*"));
    write(folder.path(), "new.toml", &rule("https://api.test/v1/**"));
    write(folder.path(), "wrong.toml", "tenant = \"acme\"\n[[rule]]\nalow = \"x\"\n");
    let (status, out, err) = said(&run(&["policy", "diff", &at("old.toml"), &at("new.toml")]));
    assert_eq!((status, err.as_str()), (Some(1), ""), "{out}");
    assert!(out.starts_with("acme: gained\n  + every method by rule \"api\" (https://api.test/v1/**)"), "{out}");
    assert!(out.contains("for example GET https://api.test/v1"), "{out}");
    let (status, out, _) = said(&run(&["policy", "diff", &at("new.toml"), &at("old.toml")]));
    assert!(status == Some(0) && out.contains("acme: lost") && out.ends_with("nothing gained\n"), "{status:?} {out}");
    let (status, out, _) = said(&run(&["policy", "diff", &at("new.toml"), &at("new.toml"), "--json"]));
    assert_eq!((status, out.as_str()), (Some(0), "{\"gained\":[],\"lost\":[]}\n"));
    for (old, new, words) in [
        ("old.toml", "wrong.toml", "unknown key `alow`"),
        ("old.toml", "none.toml", "cannot be read"),
        ("old.toml", "", "name two of one kind"),
    ] {
        let (status, out, err) = said(&run(&["policy", "diff", &at(old), &at(new)]));
        assert_eq!((status, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(words), "{words}: {err}");
    }
    // Folders, and servers.
    for (name, more) in
        [("a", ""), ("b", "listen = \"0.0.0.0:1\"\n[limits]\ncpu_ms = 400\n[runtime]\nlockdown = \"off\"\n")]
    {
        write(folder.path(), &format!("{name}/tenants/acme.toml"), &rule(&format!("https://{name}.test/")));
        write(folder.path(), &format!("{name}/mayfly.toml"), more);
    }
    let (status, out, _) = said(&run(&["policy", "diff", &at("a/tenants"), &at("b/tenants")]));
    assert!(status == Some(1) && out.contains("https://b.test/") && out.contains("- every method"), "{out}");
    let (status, out, _) = said(&run(&["policy", "diff", &at("a/mayfly.toml"), &at("b/mayfly.toml")]));
    assert_eq!(status, Some(1));
    for words in ["`listen` is 0.0.0.0:1", "`lockdown` of [runtime] is weaker", "cpu_ms is lowered from 30000 to 400"] {
        assert!(out.contains(words), "{words}: {out}");
    }
}

#[test]
fn a_secret_comes_from_standard_input_and_is_never_shown() {
    let folder = folder("", "[[credential]]\nname = \"k\"\nfrom = \"vault:github\"\nheader = \"x\"\n");
    let config = folder.path().join("mayfly.toml").display().to_string();
    let secret = |arguments: &[&str], input: &str| {
        let arguments = [&["secret"], arguments, &["--config", &config]].concat();
        let mut child = mayfly()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        // One that reads nothing has closed it.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
        said(&child.wait_with_output().unwrap())
    };
    let explain = || {
        let script = folder.path().join("s.ts").display().to_string();
        write(folder.path(), "s.ts", "return 1");
        said(&run(&["run", &script, "--config", &config, "--tenant", "acme"]))
    };
    let (status, _, err) = explain();
    assert!(status == Some(2) && err.contains("the vault has no secret `github`; `mayfly secret set github`"), "{err}");
    let (status, out, err) = secret(&["set", "github"], "tok-5f1b-secret\n");
    assert_eq!((status, out.as_str(), err.as_str()), (Some(0), "", "secret `github` is in the vault\n"));
    assert_eq!(explain().0, Some(0));
    let (_, _, err) = secret(&["set", "github"], "tok-another");
    assert_eq!(err, "secret `github` is another now\n");
    assert_eq!(secret(&["list"], ""), (Some(0), "github\n".into(), String::new()));
    for (arguments, input, words) in [
        (vec!["set", "github"], "\n", "the value is empty"),
        (vec!["set", "-x"], "v", "unexpected argument"),
        (vec!["set", "a/b"], "v", "`a/b` is no name of a secret"),
        (vec!["set", "github", "tok-on-the-command-line"], "", "unexpected argument"),
        (vec!["rm", "none"], "", "the vault has no secret `none`"),
    ] {
        let (status, out, err) = secret(&arguments, input);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains(words), "{words}: {err}");
    }
    assert_eq!(secret(&["rm", "github"], "").0, Some(0));
    assert_eq!(secret(&["list"], "").1, "");
}
