//! The prompts that are shipped, a caller's place in words, and recordings of a branch's own.

use super::*;

#[test]
fn every_shipped_prompt_is_speech_of_a_sensible_length() {
    let prompts = Prompts::embedded();
    for language in Language::ALL {
        for clip in Clip::all(language) {
            let prompt = prompts.clip(language, clip);
            let codes = prompt.codes(Codec::Pcma);
            let name = clip.name();
            if clip.text(language, prompts.texts()).is_empty() {
                assert!(codes.is_empty(), "{language} {name}");
                continue;
            }
            let lengths = if clip.is_whole() {
                8_000..=15 * 8_000
            } else {
                800..=4 * 8_000
            };
            assert!(lengths.contains(&codes.len()), "{language} {name}");
            let samples = g711::decode_all(Codec::Pcma, codes);
            let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max();
            assert!(loudest > Some(4_000), "{language} {name} is too quiet");
        }
    }
}

#[test]
fn a_caller_s_place_is_said_once_and_the_prompt_again_and_again() {
    let prompts = Prompts::embedded();
    let queue = prompts.get(Language::En, PromptKey::Queue);
    let numbers = Numbers {
        ahead: 21,
        ..Numbers::default()
    };
    let said = prompts.introduced(
        Language::En,
        &[(PromptKey::Ahead, numbers)],
        PromptKey::Queue,
    );
    let parts = ["ahead-1", "number_20", "number_1", "ahead-2"].map(|name| {
        let clip = Clip::all(Language::En)
            .into_iter()
            .find(|clip| clip.name() == name);
        prompts.clip(Language::En, clip.expect("a clip"))
    });
    let codes = said.codes(Codec::Pcmu);
    let words: usize = parts.iter().map(|part| part.codes(Codec::Pcmu).len()).sum();
    assert_eq!(said.again_from(), words + BETWEEN_SENTENCES);
    assert_eq!(&codes[said.again_from()..], queue.codes(Codec::Pcmu));
    assert_eq!(
        &codes[..words],
        Prompt::joined(&parts).codes(Codec::Pcmu),
        "there are twenty one callers ahead of you"
    );
    let alone = prompts.introduced(Language::En, &[], PromptKey::Queue);
    assert_eq!(alone.codes(Codec::Pcmu), queue.codes(Codec::Pcmu));
}

#[test]
fn other_words_ask_for_other_numbers() {
    let mut prompts = Prompts::embedded();
    let mut texts = Texts::shipped();
    let text = Text::parse(PromptKey::Ahead, "您排在第{position}位").expect("right");
    texts.set(Language::Zh, PromptKey::Ahead, text);
    prompts.reword(texts);
    let mut parts = Vec::new();
    let numbers = Numbers {
        ahead: 1,
        ..Numbers::default()
    };
    prompts.say(Language::Zh, PromptKey::Ahead, numbers, &mut parts);
    let second = prompts.clip(Language::Zh, Clip::Word(Word::all(Language::Zh)[2]));
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[1], second, "the second place is `二`, not `两`");
}

#[test]
fn recordings_of_a_branch_s_own_are_read_and_what_is_wrong_with_them_is_named() {
    let folder = tempfile::tempdir().expect("writable");
    let file = |name: &str| folder.path().join("yue").join(name);
    std::fs::create_dir(folder.path().join("yue")).expect("writable");
    let texts = Texts::shipped();
    for name in ["greeting.wav", "ahead-1.wav", "number_2.wav"] {
        wav::write(&file(name), &[1_000; 800], wav::Encoding::Pcm16).expect("writable");
    }
    let (found, errors) = recorded_in(folder.path(), &texts);
    assert_eq!(found.len(), 3);
    assert!(found.contains_key(&(Language::Yue, Clip::Piece(PromptKey::Greeting, 1))));
    assert_eq!(errors.len(), 1);
    let missing = errors[0].to_string();
    assert!(missing.contains("yue/ahead-2.wav"), "{missing}");

    std::fs::write(file("ahead-2.wav"), b"nothing").expect("writable");
    let (_, errors) = recorded_in(folder.path(), &texts);
    let broken = errors[0].to_string();
    assert!(broken.contains("not a WAV file"), "{broken}");
    assert!(recorded_in(Path::new("/nowhere"), &texts).0.is_empty());
}

#[test]
fn music_of_a_branch_s_own_is_played_to_who_is_held_and_who_waits() {
    let folder = tempfile::tempdir().expect("writable");
    assert_eq!(music_in(folder.path()).expect("none is no fault"), None);
    let path = folder.path().join(MUSIC);
    wav::write(&path, &[1_000; 800], wav::Encoding::Pcm16).expect("writable");
    let music = music_in(folder.path()).expect("readable").expect("music");
    let mut prompts = Prompts::embedded();
    prompts.play_music(music.clone());
    assert_eq!(*prompts.get(Language::Yue, PromptKey::Hold), music);
    let queue = prompts.introduced(Language::Yue, &[], PromptKey::Queue);
    assert_eq!(queue.between(), Some(&music));
    std::fs::write(&path, b"nothing").expect("writable");
    let broken = music_in(folder.path()).expect_err("no WAV").to_string();
    assert!(broken.contains("music.wav"), "{broken}");
}
