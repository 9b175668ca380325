//! In: what `prepare` made of a script. Out: the program that isolates run.
//! May touch: nothing.
//! Security boundary: no. A program carries no tenant and no binding, so it may be shared by all runs of a tenant.

/// QuickJS bytecode of one or several modules; the first is the main one.
#[derive(Debug)]
pub struct Program {
    pub modules: Vec<Module>,
}

#[derive(Debug)]
pub struct Module {
    /// As the script's other modules import it: `main.ts`.
    pub name: String,
    /// Its positions are those of the TypeScript.
    pub bytecode: Vec<u8>,
    /// The TypeScript, for the offending line.
    pub source: String,
}

impl Program {
    /// What it weighs in the cache.
    pub fn bytes(&self) -> usize {
        self.modules.iter().map(|module| module.bytecode.len() + module.source.len()).sum()
    }

    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }
}
