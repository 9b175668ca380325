// TS2345
// A tool takes one object.

export default () => tools.github.repos.get("a");
