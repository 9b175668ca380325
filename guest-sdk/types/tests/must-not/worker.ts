// TS2304
// There are no threads.

export default () => new Worker("x.js");
