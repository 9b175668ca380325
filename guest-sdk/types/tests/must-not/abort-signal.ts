// TS2673
// Signals are made by controllers.

export default () => new AbortSignal();
