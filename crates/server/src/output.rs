//! The one writer of what commands print: results to stdout, complaints to stderr.

use std::io::{self, ErrorKind, Write};

/// Prints a result and a line's end; a reader that went away ends the program quietly.
///
/// # Errors
/// When stdout cannot be written for another reason.
pub fn line(text: &str) -> io::Result<()> {
    whole(&format!("{text}\n"))
}

/// Prints a result as it is.
///
/// # Errors
/// When stdout cannot be written.
pub fn whole(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => result,
    }
}

/// Prints an error.
pub fn error(text: &str) {
    // When stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "error: {text}");
}

/// Prints a line of progress that the next one overwrites; ends with a line of its own.
pub fn progress(text: &str, last: bool) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "\r{text}\x1b[K{}", if last { "\n" } else { "" });
    let _ = stderr.flush();
}
