//! In: nothing. Out: every bound of this crate, by name.
//! May touch: nothing.
//! Security boundary: yes; descriptions of tools come from third parties, arguments from guests.

/// Text of one description of an API. GitHub's is 13 MB.
pub const DOCUMENT_BYTES_MAX: usize = 32 << 20;
/// Operations of one source. GitHub has 1,223.
pub const OPERATIONS_MAX: usize = 10_000;
/// Shared schemas of one source.
pub const DEFINITIONS_MAX: usize = 20_000;
/// Schemas of one source as they are kept: what is referred to from many places is copied into some of them.
pub const SCHEMA_BYTES_MAX: usize = 64 << 20;
/// Nesting of one schema; what is deeper becomes `unknown`.
pub const SCHEMA_DEPTH_MAX: usize = 48;
/// Schemas that are combined (`anyOf`, `$ref`, ...) one in the other about one and the same value.
pub const SAME_VALUE_DEPTH_MAX: usize = 24;
/// References that lead to references, before something that is none.
pub const REFERENCE_CHAIN_MAX: usize = 16;
/// References to places other than `#/components/KIND/NAME`: each walks the document again.
pub const REFERENCES_ELSEWHERE_MAX: usize = 500;
/// YAML: nodes after aliases have been followed.
pub const YAML_NODES_MAX: usize = 2_000_000;
pub const YAML_DEPTH_MAX: usize = 120;

/// Segments of a tool's path below its source.
pub const PATH_SEGMENTS_MAX: usize = 6;
pub const NAME_BYTES_MAX: usize = 128;
/// Parameters of one operation.
pub const PARAMETERS_MAX: usize = 200;
/// Load warnings of one source; the rest is counted.
pub const WARNINGS_MAX: usize = 100;

/// Texts of third parties, as declarations show them.
pub const TOOL_DESCRIPTION_BYTES_MAX: usize = 800;
pub const FIELD_DESCRIPTION_BYTES_MAX: usize = 240;
pub const LITERAL_BYTES_MAX: usize = 200;
/// Values of an enum that a declaration lists.
pub const ENUM_VALUES_MAX: usize = 64;
/// Properties of one object that a declaration lists.
pub const PROPERTIES_MAX: usize = 500;

pub const SIGNATURE_BYTES_MAX: usize = 320;
pub const HIT_DESCRIPTION_BYTES_MAX: usize = 200;
pub const HITS_MAX: usize = 50;
/// Words of a query; the rest is not looked at.
pub const QUERY_WORDS_MAX: usize = 24;
/// Paths of one `describe`.
pub const DESCRIBE_PATHS_MAX: usize = 200;
pub const BYTES_PER_TOKEN: usize = 4;
/// Words of the index that one word of a query may stand for.
pub const PREFIX_WORDS_MAX: usize = 40;

/// Nesting of the arguments of a call.
pub const ARGUMENT_DEPTH_MAX: usize = 64;
/// Comparisons of a schema with a value in one check of arguments; about a microsecond each.
pub const VALIDATION_STEPS_MAX: u64 = 200_000;
/// Schemas that are looked into to explain a refusal.
pub const EXPLANATION_STEPS_MAX: usize = 500;
/// What a request comes to, without its body.
pub const URL_BYTES_MAX: usize = 16 << 10;
pub const REQUEST_BODY_BYTES_MAX: usize = 64 << 20;
/// Problems that one refusal of arguments tells.
pub const PROBLEMS_MAX: usize = 6;
/// A value of the caller, quoted back.
pub const QUOTED_BYTES_MAX: usize = 60;
/// What a pattern of a schema may cost.
pub const PATTERN_BACKTRACKS_MAX: usize = 100_000;
pub const PATTERN_PROGRAM_BYTES_MAX: usize = 1 << 20;
