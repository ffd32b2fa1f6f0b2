// SPDX-License-Identifier: BSD-2-Clause
//! Turns the kernel's headers into Rust bindings and the C glue into objects when the
//! core is built for the kernel. Knows no compiler flag: mk/ hands them over in the
//! environment. Builds for the host (`cargo test`) need neither and get neither.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "kmod")]
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        kmod::build();
    }
}

#[cfg(feature = "kmod")]
mod kmod {
    use bindgen::callbacks::{IntKind, ParseCallbacks};
    use std::path::{Path, PathBuf};

    const GLUE: &str = "sys/dev/ipmi";
    /// A module of its own lives in the same directory, as upstream.
    const OTHER_MODULE: &str = "ipmi_linux.c";

    /// Kernel structures that the core may point to or embed but never look into.
    const OPAQUE: &str = "_?device|cdev|thread|proc|mtx|cv|callout|selinfo|resource|\
                          malloc_type|sysctl_.*|lock_object|intr_config_hook|uio|kobj.*";

    const FUNCTIONS: &str = "ipmi_kpi_.*";
    const TYPES: &str = "ipmi_.*";
    const CONSTANTS: &str = "ipmi_.*|IPMI.*|WD_.*|RB_.*|POLL[A-Z]+|E[A-Z0-9]+|M_(NO)?WAIT(OK)?|\
                             M_ZERO|PCATCH|C_.*|SBT_.*|O_.*|F(READ|WRITE|NONBLOCK)";

    pub fn build() {
        println!("cargo::rerun-if-changed={GLUE}");
        let preprocessor = flags("IPMI_CPPFLAGS");
        let bindings = PathBuf::from(variable("OUT_DIR")).join("bindings.rs");
        bind(&preprocessor, &bindings);
        // Builds without libclang use a copy, which mk/ compares with this one.
        let copy = variable("IPMI_BINDINGS");
        std::fs::copy(&bindings, &copy).unwrap_or_else(|error| panic!("{copy}: {error}"));
        compile(&preprocessor, &flags("IPMI_CFLAGS"));
    }

    fn bind(preprocessor: &[String], output: &Path) {
        bindgen::Builder::default()
            .header(format!("{GLUE}/ipmi_bindings.h"))
            .clang_args(preprocessor)
            .parse_callbacks(Box::new(ErrnoIsInt))
            .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
            .allowlist_function(FUNCTIONS)
            .allowlist_type(TYPES)
            .allowlist_var(CONSTANTS)
            .opaque_type(OPAQUE)
            .disable_header_comment()
            .raw_line("// SPDX-License-Identifier: BSD-2-Clause")
            .raw_line("// Made by bindgen of ipmi_bindings.h; written anew by make, never by hand.")
            .use_core()
            .layout_tests(true)
            .derive_default(true)
            // Ioctl numbers are made by function-like macros: have clang work them out.
            .clang_macro_fallback()
            .clang_macro_fallback_build_dir(variable("OUT_DIR"))
            .generate()
            .unwrap_or_else(|error| panic!("bindings for {GLUE}/ipmi_bindings.h: {error}"))
            .write_to_file(output)
            .unwrap_or_else(|error| panic!("{}: {error}", output.display()));
    }

    fn compile(preprocessor: &[String], cflags: &[String]) {
        let mut sources: Vec<PathBuf> = std::fs::read_dir(GLUE)
            .unwrap_or_else(|error| panic!("{GLUE}: {error}"))
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
            .filter(|path| !path.ends_with(OTHER_MODULE))
            .collect();
        sources.sort();
        cc::Build::new()
            .no_default_flags(true)
            .warnings(false)
            .inherit_rustflags(false)
            .compiler(variable("IPMI_CC"))
            .archiver(variable("IPMI_AR"))
            .flags(preprocessor)
            .flags(cflags)
            .files(sources)
            .compile("ipmi_glue");
    }

    /// Errors are `int` in every signature of the kernel, so their constants are too.
    #[derive(Debug)]
    struct ErrnoIsInt;

    impl ParseCallbacks for ErrnoIsInt {
        fn int_macro(&self, name: &str, _value: i64) -> Option<IntKind> {
            let errno = name.starts_with('E') && name.bytes().all(|b| b.is_ascii_alphanumeric());
            errno.then_some(IntKind::Int)
        }
    }

    fn flags(name: &str) -> Vec<String> {
        variable(name)
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    }

    fn variable(name: &str) -> String {
        println!("cargo::rerun-if-env-changed={name}");
        std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: build with make"))
    }
}
