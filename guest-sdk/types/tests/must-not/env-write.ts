// TS2540
// The environment is what it is: empty.

process.env = { A: "b" };

export default 1;
