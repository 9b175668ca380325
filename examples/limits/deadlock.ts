// Nothing can ever settle this promise, and Mayfly knows: no call and no timer is pending.
await new Promise(() => {});
