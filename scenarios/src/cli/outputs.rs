//! Files that a command is going to write: whether it can is found out before anything is played.
//!
//! Invariants: OU-1 what cannot be written is an error at once; what is there stays as it is until there is something
//!             to write. OU-2 no two outputs are one file, and none lies over what is played or what a sweep keeps.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use trial_scenarios::scenario::ScenarioError;
use trial_scenarios::sweep::{is_file_of, owner, real_path};

use super::machines::to_stdout;
use super::print::Stop;

/// An option that names a file to write, and the file.
pub(crate) type Output<'a> = (&'static str, Option<&'a Path>);

/// OU-1 and OU-2. `read`: files that are played; `sweeps`: folders of sweeps that are read or written.
pub(crate) fn check(outputs: &[Output<'_>], read: &[&Path], sweeps: &[&Path]) -> Result<(), Stop> {
    let mut known: Vec<(&str, PathBuf)> = Vec::new();
    for (option, file) in outputs {
        let Some(file) = file.filter(|file| !to_stdout(Some(file))) else { continue };
        let real = real_path(file);
        if let Some(played) = read.iter().find(|played| real_path(played) == real) {
            return refuse(
                format!("{option} {} would be written over {}", file.display(), played.display()),
                "name another file: this one is played",
            );
        }
        let sweep = sweeps.iter().find(|sweep| is_file_of(file, sweep)).map(|sweep| sweep.into());
        if let Some(sweep) = sweep.or_else(|| owner(file)) {
            let sweep: PathBuf = sweep;
            return refuse(
                format!(
                    "{option} {} would be written over the sweep in {}",
                    file.display(),
                    sweep.display()
                ),
                "name another file: seeds.jsonl, failures and the folders of shards are the sweep's own",
            );
        }
        if let Some((other, _)) = known.iter().find(|(_, path)| *path == real) {
            return refuse(
                format!("{other} and {option} both name {}", file.display()),
                "give each a file of its own",
            );
        }
        let folder = real.parent().filter(|folder| !folder.exists());
        match folder.filter(|folder| sweeps.iter().any(|sweep| real_path(sweep) == *folder)) {
            // It is made with the sweep.
            Some(folder) => check_folder(folder)?,
            None => can_be_written(file).map_err(|why| not_written(file, &why))?,
        }
        known.push((*option, real));
    }
    Ok(())
}

/// OU-1, of a folder that is made when there is something to put there: looks at what is there of it. Nothing is made
/// and removed again, since another `trial` may be about to use it.
pub(crate) fn check_folder(folder: &Path) -> Result<(), Stop> {
    let whole = std::path::absolute(folder).map_err(|why| not_written(folder, &why))?;
    let there = whole.ancestors().find(|above| above.exists()).unwrap_or(&whole);
    let tried = if there.is_dir() {
        can_be_written(&there.join(format!(".trial-{}", std::process::id())))
    } else {
        Err(io::ErrorKind::NotADirectory.into())
    };
    tried.map_err(|why| not_written(folder, &why))
}

fn can_be_written(file: &Path) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if there.is_file() => OpenOptions::new().write(true).open(file).map(drop),
        // To open a pipe may wait, and to close it ends its reader.
        Ok(_) => Ok(()),
        // A link to what is not there yet.
        Err(_) if fs::symlink_metadata(file).is_ok() => Ok(()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().write(true).create_new(true).open(file).map(drop)?;
            fs::remove_file(file)
        }
        Err(why) => Err(why),
    }
}

fn not_written(path: &Path, why: &io::Error) -> Stop {
    let help = "nothing was played: name another, or make room for it".to_owned();
    ScenarioError::plain(format!("cannot write {}: {why}", path.display()), Some(help)).into()
}

fn refuse(what: String, help: &str) -> Result<(), Stop> {
    Err(ScenarioError::plain(what, Some(help.to_owned())).into())
}
