// TS2339
// A misspelt method.

export default () => console.lgo("x");
