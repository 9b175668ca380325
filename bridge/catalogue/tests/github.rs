//! GitHub's whole description, 1,200 operations: it loads, is found in, and declares types that TypeScript takes.
//! Not among the default tests, because it needs npm once: `bridge/catalogue/check-github` gets what it needs and runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mayfly_catalogue::{Catalogue, Source};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/openapi")
}

fn description() -> String {
    let file = std::env::var("MAYFLY_OCTOKIT_OPENAPI")
        .map_or_else(|_| folder().join("node_modules/@octokit/openapi/generated/api.github.com.json"), PathBuf::from);
    std::fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("{} is not there; run: bridge/catalogue/check-github", file.display()))
}

fn github() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let source = Source::openapi("github", &description(), None).expect("GitHub's description loads");
        Catalogue::new(vec![source]).expect("one source")
    })
}

#[test]
fn every_operation_is_there() {
    let source = github().sources().first().expect("a source");
    assert!(source.tools().len() >= 1_200, "{} operations", source.tools().len());
    assert!(source.warnings().is_empty(), "{:#?}", source.warnings());
}

#[test]
fn every_input_schema_compiles() {
    let args = json!({"no such argument": 1});
    for tool in github().tools() {
        let refused = mayfly_catalogue::check(tool, &args).expect_err("an argument that is not known").to_string();
        assert!(refused.contains("[\"no such argument\"] is not known"), "{refused}");
    }
}

#[test]
fn plain_questions_find_their_operation_among_the_first_three() {
    let queries = include_str!("queries.txt").lines().filter(|line| !line.starts_with('#'));
    let pairs: Vec<(&str, &str)> = queries.filter_map(|line| line.split_once(" => ")).collect();
    assert!(pairs.len() >= 40, "{}", pairs.len());
    let mut lost = Vec::new();
    for (query, path) in &pairs {
        github().find(path).expect("a path of the file");
        let hits = github().search(query, 12);
        if !hits.iter().take(3).any(|hit| hit.path == *path) {
            let found: Vec<String> = hits.iter().map(|hit| format!("{} {:.1}", hit.path, hit.score)).collect();
            lost.push(format!("{query} => {path}\n    {}", found.join("\n    ")));
        }
    }
    assert!(lost.is_empty(), "{} of {}:\n{}", lost.len(), pairs.len(), lost.join("\n"));
}

#[test]
fn calls_become_githubs_requests() {
    let prepare = |path: &str, args| mayfly_catalogue::prepare(github().find(path).expect("a path"), &args);
    let args = json!({"owner": "o", "repo": "r", "title": "t", "labels": ["bug", {"name": "x"}]});
    let request = prepare("github.issues.create", args).expect("it fits");
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://api.github.com/repos/o/r/issues"));
    assert_eq!(request.body.as_deref(), Some(br#"{"labels":["bug",{"name":"x"}],"title":"t"}"#.as_slice()));
    let file =
        prepare("github.repos.getContent", json!({"owner": "o", "repo": "r", "path": "src/a b.rs", "ref": "main"}));
    let url = file.expect("it fits").url;
    assert_eq!(url.as_str(), "https://api.github.com/repos/o/r/contents/src/a%20b.rs?ref=main");
    let refused = prepare("github.issues.create", json!({"owner": "o", "repo": "r", "title": "t", "labels": [3]}));
    let said = refused.expect_err("a number").to_string();
    assert_eq!(said, "github.issues.create: labels[0] must be a string, or an object, got 3");
}

#[test]
fn loading_and_searching_are_quick() {
    let text = description();
    let start = cpu_time();
    let source = Source::openapi("github", &text, None).expect("GitHub's description loads");
    let catalogue = Catalogue::new(vec![source]).expect("one source");
    let loaded = cpu_time() - start;
    assert!(loaded < Duration::from_secs(1), "{loaded:?}");
    let mut times: Vec<_> = (0..100)
        .map(|number| {
            let start = cpu_time();
            assert_eq!(catalogue.search(&format!("list issues of repository {number}"), 10).len(), 10);
            cpu_time() - start
        })
        .collect();
    times.sort();
    assert!(times[50] < Duration::from_millis(5), "{:?}", times[50]);
}

/// Of this thread, so that what else the machine does says nothing.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number"))
}

#[test]
fn typescript_takes_every_declaration() {
    let out = folder().join("declarations");
    let _ = std::fs::remove_dir_all(&out);
    std::fs::create_dir_all(&out).expect("a folder");
    let whole = github().declarations();
    let uses = "async function used() {\n  const issue = await tools.github.issues.create({ owner: \"a\", repo: \"b\", title: \"c\" });\n  \
                const number: number = issue.number;\n  // @ts-expect-error the title is missing\n  \
                await tools.github.issues.create({ owner: \"a\", repo: \"b\" });\n  return number;\n}\n\
                declare const github: typeof tools.github;\n";
    std::fs::write(out.join("everything.ts"), format!("{whole}{uses}")).expect("written");
    let fixture = include_str!("it/fixtures/orders.d.ts");
    std::fs::write(out.join("orders.ts"), format!("{fixture}export {{}};\n")).expect("written");
    for (number, tool) in github().tools().enumerate() {
        // In turn with room for everything, for little and for nothing; each a module of its own.
        let budget = [100_000, 1_500, 300][number % 3];
        let text = github().describe(&[&tool.path], budget).expect("its own path");
        assert!(text.contains(&format!("{}", tool.path.rsplit('.').next().unwrap())), "{text}");
        std::fs::write(out.join(format!("{}.ts", tool.path)), format!("{text}export {{}};\n")).expect("written");
    }
    let config = r#"{"compilerOptions": {"strict": true, "noEmit": true, "target": "es2022", "lib": ["es2022"], "types": [],
        "module": "esnext", "skipLibCheck": false}, "include": ["*.ts"]}"#;
    std::fs::write(out.join("tsconfig.json"), config).expect("written");
    let tsc = folder().join("node_modules/.bin/tsc");
    let done = Command::new(&tsc).arg("-p").arg(&out).output();
    let done = done.unwrap_or_else(|_| panic!("{} is not there; run: bridge/catalogue/check-github", tsc.display()));
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{}", said.lines().take(30).collect::<Vec<_>>().join("\n"));
}
