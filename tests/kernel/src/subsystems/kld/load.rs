// SPDX-License-Identifier: BSD-2-Clause
//! kldload(2); must not know what modules do.

use std::path::Path;

use super::metadata::{self, Metadata};
use super::module::Module;
use super::{boot, exclusively, file, linker, sysinit, unload, File};
use crate::image::Image;
use crate::loader::{self, LoadError};
use crate::subsystems::newbus::isa;
use crate::subsystems::{kenv, printf, sysctl};
use crate::with;

/// Interfaces that this kernel has built in.
const BUILT_IN: [&str; 7] = ["kernel", "acpi", "efirt", "isa", "linux", "pci", "smbus"];

/// Loads the file at `path` in the calling thread; the number of its image.
pub fn load(path: &Path) -> Result<u32, LoadError> {
    exclusively(|| {
        let release = with(|k| k.generation);
        let first = linker(|l| !l.booted);
        let id = loader::load(path)?;
        if !first && with(|k| k.generation) != release {
            with(|k| k.generation = release);
            loader::unload(id);
            return Err(LoadError::File(format!(
                "{}: this machine runs {release:?} already",
                path.display()
            )));
        }
        boot();
        let early = first && loads_it(path);
        if first && !early {
            isa::enumerate_hinted_children();
        }
        bring_up(id, path).inspect_err(|_| loader::unload(id))?;
        if early {
            isa::probe_hinted_children();
        }
        Ok(id)
    })
}

/// Has loader(8) loaded this file, so that its drivers are there before isahint(4)?
fn loads_it(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    kenv::get(&format!("{stem}_load")).as_deref() == Some("YES")
}

/// The pointers in one of the image's sets.
pub fn set(id: u32, name: &str) -> Vec<u64> {
    let found = with(|k| k.images.iter().find(|i| i.id == id).map(|i| i.set(name)));
    found.unwrap_or_default()
}

fn bring_up(id: u32, path: &Path) -> Result<(), LoadError> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let entries: Vec<Metadata> = set(id, "modmetadata_set")
        .into_iter()
        .filter_map(metadata::read)
        .collect();
    check_dependencies(&name, &entries)?;
    let versions = entries.iter().filter_map(|e| match e {
        Metadata::Version(name, version) => Some((name.clone(), *version)),
        _ => None,
    });
    let new = File {
        id,
        name: name.clone(),
        modules: vec![],
        versions: versions.collect(),
    };
    linker(|l| l.files.push(new));
    register_modules(id, &entries).inspect_err(|_| unload::forget(id))?;
    let had_modules = file(id, |f| !f.modules.is_empty()) == Some(true);
    let sysctls = set(id, "sysctl_set");
    sysctls.iter().copied().for_each(sysctl::register_disabled);
    sysinit::up(set(id, "sysinit_set"));
    if had_modules && file(id, |f| f.modules.is_empty()) == Some(true) {
        unload::take_down(id);
        return Err(LoadError::File(format!(
            "{name}: all of its modules failed to load"
        )));
    }
    sysctls.into_iter().for_each(sysctl::enable);
    Ok(())
}

/// Nothing that is offered may exist, everything that is needed must.
fn check_dependencies(name: &str, entries: &[Metadata]) -> Result<(), LoadError> {
    let present = linker(|l| {
        let versions = l.files.iter().flat_map(|f| &f.versions);
        versions.cloned().collect::<Vec<(String, i32)>>()
    });
    for entry in entries {
        let trouble = match entry {
            Metadata::Version(interface, version) => present
                .contains(&(interface.clone(), *version))
                .then(|| format!("interface {interface}.{version} already present in the KLD!")),
            Metadata::Depend(interface, minimum, maximum) => {
                let offered =
                    |(n, v): &(String, i32)| n == interface && minimum <= v && v <= maximum;
                let own = |e: &Metadata| matches!(e, Metadata::Version(n, _) if n == interface);
                let met = BUILT_IN.contains(&interface.as_str())
                    || present.iter().any(offered)
                    || entries.iter().any(own);
                (!met).then(|| {
                    format!(
                        "KLD {name}: depends on {interface} - not available or version mismatch"
                    )
                })
            }
            Metadata::Module(_) => None,
        };
        if let Some(text) = trouble {
            printf::console(&format!("{text}\n"));
            return Err(LoadError::File(text));
        }
    }
    Ok(())
}

fn register_modules(id: u32, entries: &[Metadata]) -> Result<(), LoadError> {
    for entry in entries {
        let Metadata::Module(data) = entry else {
            continue;
        };
        let module = Module::new(*data);
        let taken = linker(|l| {
            let mut modules = l.files.iter().flat_map(|f| &f.modules);
            modules.any(|m| m.name == module.name)
        });
        if taken {
            let text = format!(
                "module_register: cannot register {}; already loaded",
                module.name
            );
            printf::console(&format!("{text}\n"));
            module.release();
            return Err(LoadError::File(text));
        }
        file(id, |f| f.modules.push(module));
    }
    Ok(())
}

/// Where an image begins and ends.
pub fn range(image: &Image) -> (u64, u64) {
    let start = image.sections.iter().map(|s| s.address).min();
    let end = image.sections.iter().map(|s| s.address + s.len).max();
    (start.unwrap_or(0), end.unwrap_or(0))
}
