//! The secrets of phones that register: a folder with one file for each user.

use std::path::Path;

use trunkside_call::Pii;

use super::problem::Problem;

/// Reads the secret of every user; one without is a warning, for such a phone can register from
/// the box itself only.
pub fn agent_secrets(
    folder: Option<&Path>,
    users: impl IntoIterator<Item = String>,
) -> (Vec<(String, Pii<String>)>, Vec<Problem>) {
    let (mut secrets, mut problems) = (Vec::new(), Vec::new());
    for user in users {
        let Some(folder) = folder else {
            problems.push(Problem::warning(
                "line.agent_secrets",
                format!(
                    "`{user}` registers without a secret, so only from the box itself; set \
                     `line.agent_secrets` to a folder with a file `{user}` that holds one"
                ),
            ));
            continue;
        };
        // A name from the policy must not lead out of the folder.
        let path = folder.join(user.replace(['/', '\\'], "_"));
        let secret = std::fs::read_to_string(&path).map(|text| text.trim().to_owned());
        match secret {
            Ok(secret) if !secret.is_empty() => secrets.push((user, Pii::new(secret))),
            Ok(_) => problems.push(Problem::error(
                path.display().to_string(),
                "is empty; write the secret of the phone into it",
            )),
            Err(error) => problems.push(Problem::error(
                path.display().to_string(),
                format!("cannot be read: {error}; write the secret of `{user}` into it"),
            )),
        }
    }
    (secrets, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;

    #[test]
    fn secrets_are_read_and_what_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("li_na"), "geheim\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let users = ["li_na", "empty", "../missing"].map(str::to_owned);
        let (secrets, problems) = agent_secrets(Some(folder.path()), users);
        assert_eq!(secrets.len(), 1);
        assert_eq!(secrets[0].1.reveal(), "geheim");
        assert_eq!(problems.len(), 2, "{problems:?}");
        let (secrets, problems) = agent_secrets(None, ["li_na".to_owned()]);
        assert!(secrets.is_empty());
        assert_eq!(problems[0].severity, Severity::Warning);
    }
}
