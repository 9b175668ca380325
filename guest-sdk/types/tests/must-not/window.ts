// TS2304
// Nor a window.

export default () => window.alert("x");
