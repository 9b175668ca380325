// TS2345
// Code as text is not run.

export default () => setTimeout("console.log(1)", 10);
