//! Tools of an MCP server.

use mayfly_catalogue::{Catalogue, Hints, McpTool, Operation, Source, check, prepare};
use serde_json::{Value, json};

fn tools(list: Value) -> Vec<McpTool> {
    serde_json::from_value(list).expect("the form of tools/list")
}

fn label() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}, "parent": {"$ref": "#/$defs/label"}}, "required": ["name"]})
}

#[test]
fn tools_keep_their_names_and_get_types() {
    let source = Source::mcp(
        "tracker",
        &tools(json!([
            {"name": "create-issue", "title": "Create an issue", "description": "Creates one.",
             "inputSchema": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["title"],
                "definitions": {"label": {"type": "string"}},
                "properties": {"title": {"type": "string"}, "labels": {"type": "array", "items": {"$ref": "#/definitions/label"}}}},
             "outputSchema": {"type": "object", "$defs": {"label": label()}, "properties": {"label": {"$ref": "#/$defs/label"}}}},
            {"name": "whoami", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}, "_meta": {}}
        ])),
    );
    let catalogue = Catalogue::new(vec![source.expect("it loads")]).expect("one source");
    let tool = catalogue.find("tracker.createIssue").expect("a tool");
    assert!(matches!(&tool.operation, Operation::Mcp { tool } if &**tool == "create-issue"));
    assert_eq!(tool.hints, Hints { read_only: false, idempotent: false, destructive: true });
    assert_eq!(
        catalogue.find("tracker.whoami").expect("a tool").hints,
        Hints { read_only: true, idempotent: true, destructive: false }
    );
    let expected = "declare namespace tracker {
  type Label = string;
  interface Label2 { name: string; parent?: Label2 }
}
declare const tools: {
  tracker: {
    /** Creates one. */
    createIssue(input: { title: string; labels?: tracker.Label[] }): Promise<{ label?: tracker.Label2 }>;
    whoami(): Promise<unknown>;
  };
};
";
    assert_eq!(catalogue.declarations(), expected);
    let refused = check(tool, &json!({"title": "t", "labels": ["a", 3]})).expect_err("a number");
    assert_eq!(refused.to_string(), "tracker.createIssue: labels[1] must be a string, got 3");
    assert_eq!(check(tool, &json!({"title": "t", "more": 1})), Ok(()), "its schema allows more");
    assert!(prepare(tool, &json!({"title": "t"})).expect_err("no request").to_string().contains("its MCP server"));
}

#[test]
fn a_schema_may_be_recursive_through_its_root() {
    let schema = json!({"type": "object", "properties": {"child": {"$ref": "#"}, "n": {"type": "integer"}}});
    let source = Source::mcp("t", &tools(json!([{"name": "walk", "inputSchema": schema}]))).expect("it loads");
    assert_eq!(source.warnings(), [] as [&str; 0]);
    let tool = &source.tools()[0];
    let refused = check(tool, &json!({"child": {"child": {"n": "x"}}})).expect_err("a string");
    assert_eq!(refused.to_string(), "t.walk: child.child.n must be a whole number, got \"x\"");
}

#[test]
fn a_tool_that_makes_no_sense_is_a_warning() {
    let source = Source::mcp(
        "t",
        &tools(json!([
            {"name": "good", "inputSchema": {"type": "object"}},
            {"name": "bad"},
            {"name": "\u{202e}\n", "inputSchema": {}},
            {"name": "remote", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "https://elsewhere.example/a.json"}}}}
        ])),
    );
    let source = source.expect("it loads");
    let names: Vec<&str> = source.tools().iter().map(|tool| &*tool.path).collect();
    assert_eq!(names, ["t.good", "t.remote"]);
    let warnings = source.warnings().join("\n");
    assert!(warnings.contains("tool `bad`: left out: it has no `inputSchema`"), "{warnings}");
    assert!(
        warnings.contains("remote: `https://elsewhere.example/a.json` is outside the document; nothing is fetched"),
        "{warnings}"
    );
}

#[test]
fn a_tool_may_be_a_group_too() {
    let list = tools(
        json!([{"name": "issues", "inputSchema": {"type": "object"}}, {"name": "issues.get", "inputSchema": {"type": "object"}}]),
    );
    let catalogue = Catalogue::new(vec![Source::mcp("t", &list).expect("it loads")]).expect("one source");
    let text = catalogue.declarations();
    assert!(
        text.contains("    issues: {\n      (): Promise<unknown>;\n      get(): Promise<unknown>;\n    };\n"),
        "{text}"
    );
}

#[test]
fn of_two_tools_of_one_name_the_first_is_kept() {
    let tool = |name: &str| json!({"name": name, "description": name, "inputSchema": {"type": "object"}});
    let source =
        Source::mcp("t", &tools(json!([tool("list-all"), tool("list_all"), tool("listAll")]))).expect("it loads");
    let told: Vec<(&str, &str)> = source.tools().iter().map(|tool| (&*tool.path, &*tool.description)).collect();
    assert_eq!(told, [("t.listAll", "list-all"), ("t.list_all", "list_all")]);
    assert_eq!(source.warnings(), ["tool `listAll`: left out: tool `list-all` is `listAll` already"]);
}
