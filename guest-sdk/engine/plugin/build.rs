//! In: the prelude's TypeScript. Out: one JavaScript file per module in OUT_DIR, and the list that `prelude.rs` includes.
//! May touch: `guest-sdk/js` and OUT_DIR.
//! Security boundary: no.

use std::{env, fmt::Write, fs, path::Path};

fn main() {
    // QuickJS's own limit (`limits.rs`) ends recursion well before the end of the shadow stack.
    println!("cargo:rustc-link-arg=-zstack-size={}", mayfly_abi::STACK_BYTES);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../js");
    println!("cargo:rerun-if-changed={}", sources.display());
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let mut names: Vec<String> = fs::read_dir(&sources)
        .expect("the prelude is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".ts") && !name.ends_with(".d.ts"))
        .collect();
    names.sort();

    let mut list = String::from("&[\n");
    for name in &names {
        let source = fs::read_to_string(sources.join(name)).expect("the prelude is readable");
        let transpiled = mayfly_transpiler::transpile_prelude(name, &source)
            .unwrap_or_else(|refused| panic!("{name}:{}:{}: {}", refused.line, refused.column, refused.message));
        let stem = name.trim_end_matches(".ts");
        fs::write(Path::new(&out).join(format!("{stem}.js")), transpiled.javascript).expect("OUT_DIR is writable");
        let _ = writeln!(list, "(\"mayfly:{stem}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/{stem}.js\"))),");
    }
    for (stem, path) in vendored(&sources.join("vendor")) {
        let _ = writeln!(list, "(\"mayfly:vendor/{stem}\", include_str!({path:?})),");
    }
    list.push(']');
    fs::write(Path::new(&out).join("prelude.rs"), list).expect("OUT_DIR is writable");
}

/// Code of others: JavaScript already, and used as it came.
fn vendored(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the vendored code is there")
        .filter_map(|entry| entry.ok()?.path().canonicalize().ok())
        .filter(|path| path.extension().is_some_and(|extension| extension == "js"))
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (stem, path.to_string_lossy().into_owned())
        })
        .collect();
    files.sort();
    files
}
