//! What can be typed after `lander`.

use clap::Subcommand;
use std::path::PathBuf;

/// What to do with landers whose files are served from here.
#[derive(Debug, Subcommand)]
pub enum LanderCommand {
    /// Upload a folder or ZIP archive as the files of a lander; the next visitor sees them
    Upload {
        /// The folder with its index.html, or an archive of it
        from: PathBuf,
        /// The lander's name or number; a name that is new makes a new lander, with --url
        lander: String,
        /// Where it is to be, such as https://go.example.com/l/quiz/: a tracking domain, /l/ and a name
        #[arg(long)]
        url: Option<String>,
        /// How many offers it links to (/click/1 … /click/n)
        #[arg(long)]
        offers: Option<u8>,
    },
    /// List the files of a lander, and the tokens in its pages
    Files {
        /// The lander's name or number
        lander: String,
    },
    /// Write the files of a lander into a ZIP archive
    Download {
        /// The lander's name or number
        lander: String,
        /// The archive to write
        to: PathBuf,
    },
}
