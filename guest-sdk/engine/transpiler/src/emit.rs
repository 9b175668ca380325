//! In: the program in its final form, plain JavaScript by now. Out: its text and the source map back.
//! May touch: nothing.
//! Security boundary: no.

use oxc_ast::ast::Program;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions};

use crate::Transpiled;

/// Comments are not printed: nobody reads the output, and every byte is compiled once more by QuickJS.
pub fn emit(name: &str, program: &Program<'_>) -> Transpiled {
    let options = CodegenOptions {
        comments: CommentOptions::disabled(),
        source_map_path: Some(name.into()),
        ..CodegenOptions::default()
    };
    let printed = Codegen::new().with_options(options).build(program);
    let map = printed.map.map_or_else(String::new, |mut map| {
        map.set_source_contents(Vec::new());
        map.to_json_string()
    });
    Transpiled { javascript: printed.code, map }
}
