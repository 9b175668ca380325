// TS2591
// CommonJS.

export default () => require("fs");
