// TS2339
// There is no process to end.

export default () => process.exit(1);
