// TS2584
// There is no page.

export default () => document.title;
