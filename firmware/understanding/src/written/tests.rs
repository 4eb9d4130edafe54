//! Numbers written out, checked against the pairs of another implementation.

use std::path::PathBuf;

use super::*;

#[test]
fn numbers_are_written_out() {
    for (spoken, expected) in [
        ("一百零一", "101"),
        ("两千零十二", "2012"),
        ("三万五", "35000"),
        ("一亿两千三百人", "1亿2300人"),
        ("两千万人", "2000万人"),
        ("三点一四", "3.14"),
        ("负三", "-3"),
        ("三五百", "300~500"),
        ("百分之十五", "15%"),
        ("五分之一", "1/5"),
        ("二零二六年三月五日", "2026/03/05"),
        ("下午三点半", "3:30p.m."),
        ("三十五公斤", "35kg"),
        ("九十九美元", "$99"),
        ("三加五等于八", "3+5=8"),
        ("", ""),
        ("没有数字", "没有数字"),
    ] {
        assert_eq!(written(spoken), expected, "{spoken}");
    }
}

#[test]
fn long_and_odd_texts_are_written_without_panic() {
    for piece in [
        "一",
        "十",
        "零",
        "万",
        "点",
        "年",
        "百分之",
        "负",
        "两",
        "到",
        "三四",
        "高",
    ] {
        let _ = written(&piece.repeat(2_000));
    }
}

/// The pairs of `WeTextProcessing`'s own tests, with what its usual settings write.
fn pairs() -> Option<Vec<(String, String, String)>> {
    let data =
        std::env::var("TRUNKSIDE_DATA").unwrap_or_else(|_| "../../../shared/data".to_owned());
    let folder = PathBuf::from(data).join("text/wetext_zh/itn/chinese/test/data");
    let files = std::fs::read_dir(folder).ok()?;
    let mut pairs = Vec::new();
    for file in files {
        let path = file.ok()?.path();
        let name = path.file_name()?.to_string_lossy().into_owned();
        // Three files are for settings that leave single numbers or single digits as they are.
        if name.contains("standalone") {
            continue;
        }
        for line in std::fs::read_to_string(&path).ok()?.lines() {
            let (spoken, expected) = line.split_once(" =>")?;
            pairs.push((
                name.clone(),
                spoken.trim().to_owned(),
                expected.trim().to_owned(),
            ));
        }
    }
    Some(pairs)
}

#[test]
fn the_pairs_of_wetext_pass() {
    let Some(pairs) = pairs().filter(|pairs| !pairs.is_empty()) else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("SKIPPED: no wetext_zh under TRUNKSIDE_DATA");
        }
        return;
    };
    let refused: Vec<String> = pairs
        .iter()
        .filter(|(_, spoken, expected)| written(spoken) != *expected)
        .map(|(file, spoken, expected)| {
            let got = written(spoken);
            format!("{file}: {spoken} => {expected}, not {got}")
        })
        .collect();
    let share = 1.0 - refused.len() as f64 / pairs.len() as f64;
    let told = format!(
        "{share:.3} of {}, refused:\n{}",
        pairs.len(),
        refused.join("\n")
    );
    assert!(share >= 0.95, "{told}");
    #[expect(clippy::print_stderr, reason = "shown with --no-capture")]
    {
        eprintln!("{told}");
    }
}
