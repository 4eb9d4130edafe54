use std::os::unix::fs::PermissionsExt;

use trunkside_call::PromptKey;
use trunkside_media::Text;

use super::*;

/// A program in place of espeak-ng, which says a second of noise for every text.
fn speaker(folder: &Path) -> PathBuf {
    let noise: Vec<i16> = (0..8_000_i32)
        .map(|n| (n * 7_919 % 20_000 - 10_000) as i16)
        .collect();
    let wav = folder.join("noise.wav");
    wav::write(&wav, &noise, wav::Encoding::Pcm16).unwrap();
    let path = folder.join("speaks");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {0}/log\ncat >> {0}/log\ncat {0}/noise.wav\n",
        folder.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn config(espeak: PathBuf, texts: &[(Language, PromptKey, &str)]) -> PromptsConfig {
    let texts = texts.iter().map(|(language, key, text)| {
        let text = Text::parse(*key, text).unwrap();
        ((*language, *key), text)
    });
    PromptsConfig {
        espeak,
        texts: texts.collect(),
        ..PromptsConfig::default()
    }
}

const GREETING: PromptKey = PromptKey::Greeting;

#[tokio::test]
async fn own_words_are_spoken_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let espeak = speaker(folder.path());
    let config = config(
        espeak,
        &[
            (Language::Zh, GREETING, "您好，北街支行。"),
            (Language::En, PromptKey::Ahead, "You are number {position}"),
        ],
    );
    let first = at_start(&config, folder.path());
    let shipped = Prompts::embedded().get(Language::Zh, GREETING);
    assert_eq!(first.prompts.get(Language::Zh, GREETING), shipped);
    let (sender, spoken) = watch::channel(first);
    let (faults, _) = say(config.clone(), Kept::new(folder.path()), &sender).await;
    assert_eq!(faults, Vec::<String>::new());
    let now = spoken.borrow().prompts.clone();
    assert_ne!(now.get(Language::Zh, GREETING), shipped);
    let ahead = now.texts().get(Language::En, PromptKey::Ahead);
    assert_eq!(ahead.whole(), "You are number {position}");
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log().contains("-v cmn-latn-pinyin+f3"), "{}", log());
    assert!(log().contains("北街支行") && log().contains("You are number"));

    let before = log();
    let again = at_start(&config, folder.path());
    let kept = again.prompts.get(Language::Zh, GREETING);
    assert_eq!(
        kept,
        now.get(Language::Zh, GREETING),
        "the next start has it"
    );
    say(config.clone(), Kept::new(folder.path()), &sender).await;
    assert_eq!(log(), before, "it is not spoken again");
    let files = || fs::read_dir(folder.path().join(FOLDER)).unwrap().count();
    assert_eq!(files(), 2);
    let none = PromptsConfig {
        texts: BTreeMap::new(),
        ..config
    };
    say(none, Kept::new(folder.path()), &sender).await;
    assert_eq!(files(), 0, "what nobody says takes no room");
}

#[tokio::test]
async fn a_voice_of_one_s_own_speaks_the_numbers_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(speaker(folder.path()), &[]);
    config.voices.insert(Language::Yue, "yue".to_owned());
    let (sender, spoken) = watch::channel(at_start(&config, folder.path()));
    let (faults, _) = say(config, Kept::new(folder.path()), &sender).await;
    assert!(faults.is_empty(), "{faults:?}");
    let (now, shipped) = (spoken.borrow().prompts.clone(), Prompts::embedded());
    let said = |prompts: &Prompts, language| {
        let numbers = trunkside_media::Numbers {
            ahead: 105,
            ..Default::default()
        };
        let ahead = [(PromptKey::Ahead, numbers)];
        prompts.introduced(language, &ahead, PromptKey::Queue)
    };
    assert_ne!(said(&now, Language::Yue), said(&shipped, Language::Yue));
    assert_eq!(said(&now, Language::Zh), said(&shipped, Language::Zh));
}

#[tokio::test]
async fn what_cannot_be_spoken_is_told_once_a_voice_and_what_ships_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(
        "/nowhere/espeak-ng".into(),
        &[
            (Language::Zh, GREETING, "您好"),
            (Language::Zh, PromptKey::Ahead, "您排在第{position}位"),
        ],
    );
    let (sender, spoken) = watch::channel(at_start(&config, folder.path()));
    let (faults, _) = say(config, Kept::new(folder.path()), &sender).await;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("`prompts.zh."), "{faults:?}");
    assert!(faults[0].contains("install the package espeak-ng"));
    let (now, shipped) = (spoken.borrow().prompts.clone(), Prompts::embedded());
    assert_eq!(
        now.get(Language::Zh, GREETING),
        shipped.get(Language::Zh, GREETING)
    );
    assert_eq!(
        now.texts(),
        shipped.texts(),
        "words and recordings belong together"
    );
}

#[tokio::test]
async fn a_recording_goes_before_a_text_and_may_be_all_that_a_branch_has() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = folder.path().join("own");
    fs::create_dir_all(recordings.join("en")).unwrap();
    let greeting = recordings.join("en/greeting.wav");
    wav::write(&greeting, &[3_000; 1_600], wav::Encoding::Pcm16).unwrap();
    let mut config = config(
        "/nowhere/espeak-ng".into(),
        &[(Language::En, GREETING, "Hello")],
    );
    config.recordings = Some(recordings.clone());
    let spoken = at_start(&config, folder.path()).prompts;
    let heard = spoken.get(Language::En, GREETING);
    assert_eq!(heard.codes(Codec::Pcma).len(), 1_600);
    assert_eq!(spoken.texts().get(Language::En, GREETING).whole(), "Hello");

    let before = Asked::new(config.clone(), Vec::new());
    wav::write(&greeting, &[3_000; 3_200], wav::Encoding::Pcm16).unwrap();
    let after = Asked::new(config.clone(), Vec::new());
    assert_ne!(before, after, "a new recording counts");

    let music = recordings.join(trunkside_media::MUSIC);
    wav::write(&music, &[3_000; 1_600], wav::Encoding::Pcm16).unwrap();
    let with_music = Asked::new(config.clone(), Vec::new());
    assert_ne!(after, with_music, "and so does music");
    let spoken = at_start(&config, folder.path()).prompts;
    let held = spoken.get(Language::En, PromptKey::Hold);
    assert_eq!(held.codes(Codec::Pcma).len(), 1_600);
}

#[tokio::test(start_paused = true)]
async fn a_slip_or_a_file_that_is_half_there_changes_nothing_and_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let sound = "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[line]\nlisten = '127.0.0.1:0'\n\
                 [prompts]\nzh.greeting = '您好，北街支行。'\n";
    fs::write(&file, sound).unwrap();
    let config = crate::config::load(&file).config.prompts;
    let mut kept = Kept::new(folder.path());
    for line in Gathered::new(&config, &kept).missing.keys() {
        kept.keep(line, &[1_000; 1_600]);
    }
    let (sender, spoken) = watch::channel(at_start(&config, folder.path()));
    let is_own = || {
        let now = spoken.borrow();
        now.prompts.texts().get(Language::Zh, GREETING).whole() == "您好，北街支行。"
    };
    let files = || fs::read_dir(folder.path().join(FOLDER)).unwrap().count();
    assert!(is_own() && files() == 1);
    let (tasks, stop) = (
        tokio_util::task::TaskTracker::new(),
        CancellationToken::new(),
    );
    let changes = ConfigWatch::begin(Some(file.clone()), stop.clone(), &tasks);
    let data_dir = folder.path().to_owned();
    tasks.spawn(watch(changes, config, data_dir, sender, stop.clone()));
    let beside = folder.path().join("conf.d");
    for (text, other) in [
        (sound.replace("greeting =", "greeting"), &b""[..]),
        (String::new(), b""),
        (
            sound[..sound.find("[prompts]").unwrap()].to_owned(),
            b"\xff",
        ),
    ] {
        fs::write(&file, &text).unwrap();
        fs::create_dir_all(&beside).unwrap();
        fs::write(beside.join("prompts.toml"), other).unwrap();
        assert!(Asked::by(&crate::config::load(&file)).is_err(), "{text}");
        tokio::time::sleep(3 * crate::config_watch::LOOK_EVERY).await;
        assert!(is_own() && files() == 1, "{text}");
    }
    // What is wrong with the prompts themselves is told of each.
    fs::remove_dir_all(&beside).unwrap();
    fs::write(&file, format!("{sound}en.greeting = 7\n")).unwrap();
    let asked = Asked::by(&crate::config::load(&file)).unwrap();
    assert_eq!(asked.faults.len(), 1, "{:?}", asked.faults);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

#[test]
fn a_check_names_each_thing_that_would_not_be_said() {
    let folder = tempfile::tempdir().unwrap();
    for language in ["en", "zh"] {
        fs::create_dir(folder.path().join(language)).unwrap();
    }
    fs::write(folder.path().join("en/greeting.wav"), "no sound").unwrap();
    fs::write(folder.path().join("zh/greetings.wav"), "no prompt").unwrap();
    let mut config = config(
        "/nowhere/espeak-ng".into(),
        &[(Language::Zh, GREETING, "您好")],
    );
    config.recordings = Some(folder.path().to_owned());
    let problems = check(&config, |key| format!("config.toml [{key}]"));
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(
        said[0].contains("en/greeting.wav`: not a WAV file"),
        "{said:#?}"
    );
    assert!(said[1].contains("warning") && said[1].contains("greetings.wav"));
    assert!(said[2].starts_with("config.toml [prompts.zh.greeting]: error"));
    assert!(problems.iter().all(|problem| {
        problem.spares_calls || problem.severity == crate::config::Severity::Warning
    }));
}
