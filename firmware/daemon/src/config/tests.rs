use super::*;

pub fn loaded(text: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    load(&path)
}

#[test]
fn the_shipped_example_has_every_key_and_no_fault() {
    let example = include_str!("../../config.example.toml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let loaded = load(&path);
    assert_eq!(loaded.problems, [], "the example must be right");
    let mut layers = Layers::default();
    resolve(&mut layers);
    for key in layers.asked() {
        let (_, name) = key.split_once('.').unwrap();
        assert!(
            example.contains(name),
            "config.example.toml does not show `{key}`"
        );
    }
}

#[test]
fn all_five_mistakes_are_reported_with_their_lines() {
    let loaded = loaded(concat!(
        "[box]\n",
        "tenant = \"shop/one\"\n",
        "branch = \"b1\"\n",
        "device = 7\n",
        "[line]\n",
        "listen = \"nowhere\"\n",
        "advertise = \"127.0.0.1\"\n",
        "ring_timeout_s = 1\n",
        "greetings = \"early\"\n",
    ));
    let lines: Vec<usize> = loaded
        .problems
        .iter()
        .map(|problem| problem.place.rsplit_once(':').unwrap().1.parse().unwrap())
        .collect();
    assert_eq!(lines, [6, 8, 2, 4, 9]);
    assert!(!loaded.is_usable());
    assert!(
        loaded.problems[1]
            .message
            .contains("from 3 to 180, got `1`")
    );
    assert_eq!(loaded.problems[4].severity, Severity::Warning);
}

#[test]
fn the_outboxs_key_may_be_made_yet_but_not_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\noutbox_key_file = '{}'\n",
            path.display()
        );
        let problems = loaded(&text).problems.into_iter();
        problems
            .filter(|problem| problem.message.contains("outbox_key_file"))
            .map(|problem| problem.message)
            .collect::<Vec<_>>()
    };
    std::fs::write(folder.path().join("good"), [7; 32]).unwrap();
    std::fs::write(folder.path().join("short"), [7; 31]).unwrap();
    assert!(of("good").is_empty() && of("not yet there").is_empty());
    assert!(!folder.path().join("not yet there").exists());
    assert!(of("short")[0].contains("31 bytes instead of 32"));
    assert!(of("nowhere/key")[0].contains("create its folder"));
}

#[test]
fn calls_are_recorded_with_a_key_or_not_at_all() {
    let of = |recording: &str| {
        let text =
            format!("[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[recording]\n{recording}\n");
        let loaded = loaded(&text);
        let problems = loaded.problems.into_iter().map(|problem| problem.message);
        let problems = problems.filter(|message| message.contains("recording."));
        (loaded.config.recording, problems.collect::<Vec<_>>())
    };
    let (usual, problems) = of("");
    assert_eq!((usual.mode, problems.len()), (RecordingMode::Off, 0));
    let (_, problems) = of("mode = 'notice'");
    assert!(
        problems[0].contains("needs `recording.key_file`"),
        "{problems:?}"
    );
    let (_, problems) = of("mode = 'always'");
    assert!(
        problems[0].contains("`off`, `notice`, `consent`"),
        "{problems:?}"
    );
    let declines = "mode = 'notice'\nkey_file = 'rec.key'\n[line]\n\
                    callback_to = 'sip:{number}@c.example'\ncallback_key = ";
    let (_, problems) = of(&format!("{declines}'9'"));
    assert!(
        problems[0].contains("`line.callback_key` is `9`")
            && problems[0].contains("choose another"),
        "{problems:?}"
    );
    assert!(of(&format!("{declines}'1'")).1.is_empty());
    let (kept, problems) =
        of("mode = 'consent'\nkey_file = 'rec.key'\nkeep_days = 2\nkeep_mb = 11");
    assert_eq!(
        (kept.mode, problems.len()),
        (RecordingMode::Consent, 0),
        "{problems:?}"
    );
    assert_eq!(kept.retention.bytes, 11 << 20);
    assert_eq!(kept.retention.age, Duration::from_secs(2 * DAY_S));
}

#[test]
fn calls_stay_for_ninety_days_unless_asked_otherwise() {
    let keep = |privacy: &str| {
        loaded(&format!("[privacy]\n{privacy}\n"))
            .config
            .privacy
            .keep
    };
    assert_eq!(keep(""), Duration::from_secs(90 * DAY_S));
    assert_eq!(keep("keep_days = 7"), Duration::from_secs(7 * DAY_S));
    for wrong in ["0", "-1", "'always'", "3651"] {
        let loaded = loaded(&format!("[privacy]\nkeep_days = {wrong}\n"));
        let told = |problem: &Problem| problem.message.contains("from 1 to 3650");
        assert!(loaded.problems.iter().any(told), "{wrong}");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_reported_once() {
    let loaded = loaded(concat!(
        "[box]\n",
        "tenant = \"shop\"\n",
        "branch = \"b1\"\n",
        "device = \"d1\"\n",
        "[line]\n",
        "listen = \"nowhere\"\n",
        "[trunk.a]\n",
        "targets = [\"sip.example\", \"192.0.2.1:99999\"]\n",
    ));
    let places: Vec<&str> = loaded
        .problems
        .iter()
        .filter_map(|problem| Some(problem.place.rsplit_once(':')?.1))
        .collect();
    assert_eq!(places, ["6", "8"], "{:?}", loaded.problems);
}

#[test]
fn quality_rules_that_are_nowhere_are_told_with_their_line_and_the_names_there_are() {
    let loaded = loaded("[quality]\nrules = \"bakn\"\n");
    let told = loaded
        .problems
        .iter()
        .find(|problem| problem.message.contains("`quality.rules`"))
        .expect("a problem of the rules");
    assert!(told.place.ends_with(":2"), "{told}");
    assert!(
        told.message.contains("`none`, `bank`, `shop`") && told.message.contains("got `bakn`"),
        "{told}"
    );
    // Calls are taken without; the file may come.
    assert!(told.spares_calls);
    assert!(matches!(loaded.config.quality, QualityRulesFrom::File(_)));
}

#[test]
fn supervisors_are_phones() {
    let good = loaded("[line]\nsupervisors = [\"registered:wang\", \"sip:wang@192.0.2.7\"]\n");
    assert_eq!(
        good.config.line.supervisors,
        ["registered:wang", "sip:wang@192.0.2.7"]
    );
    for bad in ["wang", "registered:", "sip:wang jing@192.0.2.7"] {
        let loaded = loaded(&format!("[line]\nsupervisors = [\"{bad}\"]\n"));
        let told = |problem: &&Problem| problem.message.contains("`line.supervisors`");
        let problem = loaded.problems.iter().find(told).expect("a problem");
        assert!(problem.place.ends_with(":2"), "{problem}");
        assert!(loaded.config.line.supervisors.is_empty());
    }
}

#[test]
fn who_is_called_back_needs_an_address_with_the_number_in_it() {
    let address = "sip:{number}@carrier.example";
    let good = loaded(&format!(
        "[line]\ncallback_to = \"{address}\"\ncallback_key = \"9\"\ncallback_number = \"+8695588\"\n"
    ));
    let shown = good.config.line.callback_number.as_deref();
    assert_eq!(shown, Some("+8695588"));
    assert!(
        !loaded("[line]\ncallback_number = \"the bank\"\n")
            .problems
            .is_empty()
    );
    assert_eq!(good.config.line.callback_to.as_deref(), Some(address));
    assert_eq!(good.config.line.callback_key, '9');
    let nothing = loaded("");
    assert_eq!(nothing.config.line.callback_to, None);
    let over = loaded(
        "[line]\ncallback_to = \"trunk:telecom\"\n[trunk.telecom]\ntargets = [\"192.0.2.1\"]\n",
    );
    let trunk = over.config.line.callback_to;
    assert_eq!(trunk.as_deref(), Some("trunk:telecom"));
    for bad in [
        "trunk:telecom",
        "sip:95588@carrier.example",
        "registered:{number}@x",
        "{number}@x",
    ] {
        let loaded = loaded(&format!("[line]\ncallback_to = \"{bad}\"\n"));
        let told = |problem: &&Problem| problem.message.contains("`line.callback_to`");
        let problem = loaded.problems.iter().find(told).expect("a problem");
        assert!(problem.place.ends_with(":2"), "{problem}");
        assert_eq!(loaded.config.line.callback_to, None);
    }
}

#[test]
fn calls_over_a_trunk_come_from_its_number_or_the_branchs_and_nobodys_is_told_of() {
    let transfer = "transfer_to = [\"trunk:telecom\"]\n";
    let back = "callback_to = \"trunk:telecom\"\n";
    let own = "callback_number = \"95588\"\n";
    let number = "number = \"+8657195588\"\n";
    for (line, trunk, expected, warned) in [
        (transfer, "", None, Some("`line.transfer_to`")),
        (back, "", None, Some("`line.callback_to`")),
        ("", "", None, None),
        (own, "", Some("95588"), None),
        (own, number, Some("+8657195588"), None),
    ] {
        let line = if line == own {
            format!("{transfer}{own}")
        } else {
            line.to_owned()
        };
        let text = format!("[line]\n{line}[trunk.telecom]\ntargets = [\"192.0.2.1\"]\n{trunk}");
        let loaded = loaded(&text);
        let telecom = &loaded.config.line.trunks[0];
        assert_eq!(telecom.number.as_deref(), expected, "{text}");
        let told = |problem: &&Problem| problem.message.contains("`trunk.telecom.number`");
        let problem = loaded.problems.iter().find(told);
        assert_eq!(problem.is_some(), warned.is_some(), "{text}");
        if let (Some(problem), Some(key)) = (problem, warned) {
            assert!(problem.message.starts_with(key), "{problem}");
            assert!(problem.place.ends_with(":2"), "{problem}");
            assert!(problem.to_string().contains("warning"), "{problem}");
        }
    }
    let bad = loaded("[trunk.telecom]\ntargets = [\"192.0.2.1\"]\nnumber = \"the bank\"\n");
    let problem = bad
        .problems
        .iter()
        .find(|problem| problem.message.contains("`trunk.telecom.number`"));
    assert!(problem.is_some_and(|problem| problem.place.ends_with(":3")));
}

#[test]
fn a_missing_file_is_one_problem_that_names_it() {
    let loaded = load(Path::new("/nonexistent/trunkside.toml"));
    assert_eq!(loaded.problems.len(), 1);
    assert_eq!(loaded.problems[0].place, "/nonexistent/trunkside.toml");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_what_would_help() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, [b'#', 0xff, 0xfe]).unwrap();
    let told = || load(&path).problems[0].to_string();
    assert!(told().contains("saves UTF-8"), "{}", told());
    std::fs::remove_file(&path).unwrap();
    assert!(told().contains("with --config"), "{}", told());
    std::fs::create_dir(&path).unwrap();
    assert!(told().contains("put a file in its place"), "{}", told());
    let denied = std::io::Error::from(ErrorKind::PermissionDenied);
    assert!(remedy(&denied).contains("as root"));
}

#[test]
fn syntax_faults_name_their_line() {
    let loaded = loaded("[box]\ntenant = \"a\"\nbranch = = 3\n");
    assert!(
        loaded
            .problems
            .iter()
            .any(|problem| problem.place.ends_with(":3"))
    );
}

#[test]
fn drop_ins_and_environment_lie_over_the_file() {
    let mut layers = Layers::default();
    layers.add_file(
        Path::new("a.toml"),
        "[line]\nring_timeout_s = 10\nlanguage = \"zh\"\n",
    );
    layers.add_file(Path::new("conf.d/b.toml"), "[line]\nring_timeout_s = 30\n");
    let variables = [
        ("TRUNKSIDE_LINE__LANGUAGE", "en"),
        ("TRUNKSIDE_DATA", "elsewhere"),
    ];
    layers.add_environment(variables.iter().map(|(k, v)| (k.into(), v.into())));
    let line = resolve_line(&mut layers);
    assert_eq!(line.ring_timeout, Duration::from_secs(30));
    assert_eq!(line.language, Language::En);
}

#[test]
fn variables_in_another_encoding_harm_nothing_unless_they_are_ours() {
    use std::os::unix::ffi::OsStringExt;

    let foreign = || std::ffi::OsString::from_vec(vec![0xff, 0xfe]);
    let mut layers = Layers::default();
    layers.add_environment([(foreign(), "x".into()), ("LC_NAME".into(), foreign())].into_iter());
    assert_eq!(layers.finish(), []);
    let mut layers = Layers::default();
    layers.add_environment([("TRUNKSIDE_BOX__TENANT".into(), foreign())].into_iter());
    let problems = layers.finish();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let told = problems[0].to_string();
    assert!(
        told.contains("$TRUNKSIDE_BOX__TENANT") && told.contains("UTF-8"),
        "{told}"
    );
}

#[test]
fn a_variable_that_sets_nothing_is_told_with_the_name_that_would() {
    let told = |name: &str| {
        let mut layers = Layers::default();
        layers.add_file(Path::new("a.toml"), "[line]\nadvertise = '192.0.2.7'\n");
        layers.add_environment([(name.into(), "127.0.0.1:5070".into())].into_iter());
        resolve_line(&mut layers);
        resolve_privacy(&mut layers);
        let problems: Vec<String> = layers.finish().iter().map(Problem::to_string).collect();
        problems.join("\n")
    };
    for (written, meant) in [
        ("TRUNKSIDE_LINE_LISTEN", "`TRUNKSIDE_LINE__LISTEN`"),
        ("TRUNKSIDE_REDACTION", "`TRUNKSIDE_PRIVACY__REDACTION`"),
        ("TRUNKSIDE_LINE_LISTN", "`TRUNKSIDE_SECTION__KEY`"),
    ] {
        let told = told(written);
        let begins = told.starts_with(&format!("${written}: warning: is not read"));
        assert!(begins && told.contains(meant), "{told}");
    }
    for read in [
        "TRUNKSIDE_LOG",
        "TRUNKSIDE_MODELS",
        "TRUNKSIDE_LINE__LISTEN",
    ] {
        assert_eq!(told(read), "");
    }
}

#[test]
fn a_password_in_place_of_its_file_is_not_shown_and_the_file_is_named() {
    let loaded = loaded(
        "[cloud]\nbroker = 'mqtt://u:hunter2@h:1883'\n[trunk.x]\nallow = ['192.0.2.1']\npassword = 'hunter2'\n",
    );
    let told: Vec<String> = loaded.problems.iter().map(Problem::to_string).collect();
    let told = told.join("\n");
    assert!(!told.contains("hunter2"), "{told}");
    for said in [
        "`mqtt://…@h:1883`",
        "`cloud.password_file`",
        "`trunk.x.password_file`",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
}

#[test]
fn a_section_that_stands_there_twice_is_told_once() {
    let loaded = loaded(concat!(
        "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n",
        "[line]\nlisten = '127.0.0.1:0'\n",
        "[cloud]\nbroker = 'a:1'\n",
        "[cloud]\nbroker = 'x:1'\nenabled = true\n",
        "[board]\nlamp_pin = 3\nlamp_pin = 4\n",
    ));
    let lines: Vec<&str> = loaded
        .problems
        .iter()
        .filter_map(|problem| Some(problem.place.rsplit_once(':')?.1))
        .collect();
    assert_eq!(lines, ["9", "14"], "{:?}", loaded.problems);
}

#[test]
fn a_broker_is_a_host_and_a_port_and_nothing_else() {
    let told = |broker: &str| {
        let loaded = loaded(&format!("[cloud]\nbroker = '{broker}'\n"));
        let mut problems = loaded.problems.into_iter();
        problems.any(|problem| problem.message.contains("`cloud.broker`"))
    };
    for good in [
        "127.0.0.1:1883",
        "cloud-1.example.net:8883",
        "[::1]:1883",
        "localhost:1",
    ] {
        assert!(!told(good), "{good}");
    }
    for bad in [
        "mqtts://h:1",
        "h",
        "h:0",
        ":1",
        "::1:1883",
        "a b:1",
        "[h]:1",
        "h/x:1",
    ] {
        assert!(told(bad), "{bad}");
    }
}

#[test]
fn an_address_that_was_set_wrongly_is_told_of_itself() {
    let mut layers = Layers::default();
    let text = "[line]\nlisten = \"127.0.0.1:5060\"\nadvertise = \"0.0.0.0\"\n";
    layers.add_file(Path::new("a.toml"), text);
    resolve_line(&mut layers);
    let problems = layers.finish();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].place, "a.toml:3");
    assert!(
        problems[0]
            .message
            .starts_with("`line.advertise` is `0.0.0.0`"),
        "{problems:?}"
    );
}

#[test]
fn an_address_nobody_can_reach_asks_for_one_that_can() {
    let mut layers = Layers::default();
    layers.add_file(Path::new("a.toml"), "[line]\nlisten = \"0.0.0.0:5060\"\n");
    resolve_line(&mut layers);
    assert!(
        layers
            .finish()
            .iter()
            .any(|problem| problem.message.contains("line.advertise"))
    );
}

#[test]
fn trunks_have_sections_of_their_own() {
    let mut layers = Layers::default();
    let text = concat!(
        "[trunk.pbx]\nallow = [\"192.0.2.0/24\"]\n",
        "[trunk.telecom]\ntargets = [\"sip.example\", \"192.0.2.9:5080\"]\nregister = false\n",
        "[trunk.ims]\ntargets = [\"[2001:db8::1]\"]\ntransport = \"tls\"\n",
    );
    layers.add_file(Path::new("a.toml"), text);
    let variable = ("TRUNKSIDE_TRUNK__TELECOM__KEEPALIVE_S", "60");
    layers.add_environment([(variable.0.into(), variable.1.into())].into_iter());
    let trunks = resolve_line(&mut layers).trunks;
    let [ims, pbx, telecom] = &trunks[..] else {
        panic!("{trunks:?}")
    };
    assert_eq!((pbx.allow.len(), pbx.register), (1, false));
    let target = |text: &str| text.parse().expect("a target");
    assert_eq!(ims.targets, [target("[2001:db8::1]")]);
    assert_eq!(ims.domain, "[2001:db8::1]");
    let both = [target("sip.example"), target("192.0.2.9:5080")];
    assert_eq!(telecom.targets, both);
    assert_eq!(telecom.domain, "sip.example");
    assert_eq!(telecom.keep_alive, Duration::from_secs(60));
}

#[test]
fn what_may_have_been_meant_for_a_trunk_opens_no_box_to_everybody() {
    let faults = |text: &str| -> Vec<String> {
        let text = format!(
            "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[line]\nlisten = '127.0.0.1:0'\n{text}"
        );
        let problems = loaded(&text).problems.into_iter();
        let errors = problems.filter(|problem| problem.severity == Severity::Error);
        errors.map(|problem| problem.to_string()).collect()
    };
    for (text, told) in [
        (
            "[trunk.telecom]",
            ":7: error: `trunk.telecom` is reached nowhere",
        ),
        (
            "trunk.telecom = {}",
            "`line.trunk.telecom` belongs to no trunk",
        ),
        ("[trunk]", ":7: error: `trunk` belongs to no trunk"),
        (
            "[trunk]\ntargets = ['192.0.2.1']",
            ":8: error: `trunk.targets` belongs to no",
        ),
        (
            "[trunks.telecom]\ntargets = ['192.0.2.1']",
            "`trunks.telecom.targets` belongs",
        ),
        ("[Trunk.telecom]", "`Trunk.telecom` belongs to no"),
        (
            "[truck.telecom]\nallow = ['192.0.2.1']",
            "`truck.telecom.allow` belongs to no",
        ),
        (
            "[tunk]\nallow = ['192.0.2.1']",
            "`tunk.allow` belongs to no",
        ),
        ("[trunkk]\nx = 1", "`trunkk.x` belongs to no"),
        ("[rtunks.a]\nx = 1", "`rtunks.a.x` belongs to no"),
        ("[sip_trunk]\nx = 1", "`sip_trunk.x` belongs to no"),
        (
            "[trunk.a.b]\ntargets = ['192.0.2.1']",
            "`trunk.a.b.targets` belongs to no",
        ),
        (
            "[trunk.'a.b']\ntargets = ['192.0.2.1']",
            "its name without dots",
        ),
        (
            "[[trunk]]\ntargets = ['192.0.2.1']",
            "such as `[trunk.telecom]`",
        ),
        (
            "[[trunk.telecom]]\ntargets = ['192.0.2.1']",
            "`trunk.telecom` belongs to no",
        ),
    ] {
        let errors = faults(text);
        assert!(
            errors.iter().any(|error| error.contains(told)),
            "{text}: {errors:?}"
        );
    }
    let named = "[trunk.telecom]\ntargets = ['192.0.2.1']\n";
    for other in [
        "of_a_newer_box = 1",
        "[trust]\nx = 1",
        "[tone.a]\nx = 1",
        "[tracing]\nx = 1",
    ] {
        assert_eq!(faults(&format!("{named}{other}")), [""; 0], "{other}");
    }
}

#[test]
fn drop_ins_that_cannot_be_listed_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, drop_ins) = (
        folder.path().join("config.toml"),
        folder.path().join("conf.d"),
    );
    std::fs::write(&path, "[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n").unwrap();
    let told = || {
        let loaded = load(&path);
        let about = |problem: &&Problem| problem.place == drop_ins.display().to_string();
        let problem = loaded.problems.iter().find(about).map(ToString::to_string);
        (problem, loaded.knows_data_dir)
    };
    assert_eq!(told(), (None, true));
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &drop_ins).unwrap();
    assert!(
        told()
            .0
            .is_some_and(|problem| problem.contains("or remove it"))
    );
    std::fs::remove_file(&drop_ins).unwrap();
    std::fs::write(&drop_ins, "").unwrap();
    let (problem, knows_data_dir) = told();
    assert!(problem.is_some_and(|problem| problem.contains("error: cannot be read")));
    assert!(!knows_data_dir, "one of them may name it");
}

#[test]
fn a_value_of_no_kind_that_a_key_may_have_is_told_with_the_rule() {
    let told = |text: &str, words: &str| {
        let loaded = loaded(text);
        let about = loaded
            .problems
            .iter()
            .filter(|p| p.message.contains("`privacy."));
        let messages: Vec<_> = about.map(ToString::to_string).collect();
        assert_eq!(messages.len(), 1, "{text}: {messages:?}");
        assert!(
            messages[0].contains("error") && messages[0].contains(words),
            "{messages:?}"
        );
    };
    let number = "99999999999999999999";
    told(
        &format!("[privacy]\nkeep_days = {number}\n"),
        &format!("from 1 to 3650, got `{number}`"),
    );
    told(
        "[privacy]\nredaction = {level = 'drop'}\n",
        "must be one of `mask`",
    );
    told(
        "[privacy.redaction]\nlevel = 'drop'\n",
        "must be one of `mask`",
    );
    told("[privacy]\nrotate_days = [{a = 1}]\n", "got `[{a = 1}]`");
    let list = loaded("[[line]]\nlisten = '127.0.0.1:0'\n");
    let told = |problem: &Problem| problem.message.contains("write one, `[line]`");
    assert!(list.problems.iter().any(told), "{:?}", list.problems);
}

#[test]
fn the_realm_is_a_name_that_needs_no_quotes() {
    let realm = |text: &str| {
        let loaded = loaded(text);
        let told = |problem: &Problem| problem.message.contains("`line.realm`");
        let is_told = loaded.problems.iter().any(told);
        (loaded.config.line.realm, is_told)
    };
    assert_eq!(realm(""), (REALM.to_owned(), false));
    let named = "branch-1.example";
    assert_eq!(
        realm("[line]\nrealm = \"branch-1.example\"\n"),
        (named.to_owned(), false)
    );
    for bad in ["", "a b", "a\\\"b"] {
        let (_, is_told) = realm(&format!("[line]\nrealm = \"{bad}\"\n"));
        assert!(is_told, "{bad}");
    }
}

#[test]
fn servers_of_the_dns_are_addresses() {
    let good = loaded("[line]\ndns_servers = [\"192.0.2.53\", \"[2001:db8::53]:5353\"]\n");
    let servers = ["192.0.2.53:53", "[2001:db8::53]:5353"];
    let servers = servers.map(|server| server.parse().expect("an address"));
    assert_eq!(good.config.line.dns_servers, servers);
    let bad = loaded("[line]\ndns_servers = [\"dns.example\"]\n");
    let told = |problem: &Problem| problem.message.contains("`line.dns_servers`");
    assert!(bad.problems.iter().any(told), "{:?}", bad.problems);
}

#[test]
fn every_mistake_in_a_trunk_is_told_with_its_key() {
    let mut layers = Layers::default();
    let text = concat!(
        "[trunk.a]\nusername = \"box\"\nallow = [\"everywhere\"]\n",
        "[trunk.b]\nregister = true\nspeed = 3\n",
        "[line]\nshow_number = \"virtual\"\n",
    );
    layers.add_file(Path::new("a.toml"), text);
    resolve_line(&mut layers);
    let problems = layers.finish();
    for (line, words) in [
        (2, "username"),
        (3, "trunk.a.allow"),
        (6, "trunk.b.speed"),
        (8, "virtual_number"),
    ] {
        let told = problems.iter().any(|problem| {
            problem.place.ends_with(&format!(":{line}")) && problem.message.contains(words)
        });
        assert!(told, "{words}: {problems:?}");
    }
    assert!(
        problems
            .iter()
            .any(|problem| problem.message.contains("reached nowhere"))
    );
}

#[test]
fn tls_without_a_certificate_that_can_be_used_is_told_with_its_key() {
    let told = |more: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty.pem"), "").unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, format!("[line]\n{more}")).unwrap();
        let problems = load(&path).problems;
        problems.iter().map(ToString::to_string).collect::<String>()
    };
    let alone = told("listen_tls = \"127.0.0.1:0\"\n");
    assert!(
        alone.contains("`line.listen_tls` needs a certificate"),
        "{alone}"
    );
    let half = told("tls_cert_file = \"empty.pem\"\n");
    assert!(half.contains("needs `line.tls_key_file`"), "{half}");
    let empty = told("tls_cert_file = \"empty.pem\"\ntls_key_file = \"empty.pem\"\n");
    assert!(
        empty.contains("config.toml:2") && empty.contains("no certificate"),
        "{empty}"
    );
    let trust = told("tls_ca_file = \"empty.pem\"\nlisten_tcp = \"nowhere\"\n");
    assert!(
        trust.contains("`line.tls_ca_file`") && trust.contains("`line.listen_tcp`"),
        "{trust}"
    );
}

#[test]
fn own_prompts_are_read_and_what_is_wrong_with_them_costs_no_call() {
    let of = |prompts: &str| {
        let text =
            format!("[box]\ntenant = 't'\nbranch = 'b'\ndevice = 'd'\n[prompts]\n{prompts}\n");
        let loaded = loaded(&text);
        let usable = loaded.is_usable();
        let problems = loaded.problems.into_iter().map(|problem| problem.message);
        let problems = problems.filter(|message| message.contains("prompts."));
        (loaded.config.prompts, problems.collect::<Vec<_>>(), usable)
    };
    let (prompts, problems, _) = of("zh.greeting = '您好'\n[prompts.en]\nvoice = 'en-us+f3'");
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(prompts.texts.len(), 1);
    assert_eq!(prompts.voice(Language::En), "en-us+f3");
    assert_eq!(prompts.voice(Language::Yue), "yue+f3");
    assert_eq!(prompts.tells, Tells::default());
    for (setting, said) in [
        (
            "zh.ahead = '人很多'",
            "`prompts.zh.ahead` must have `{ahead}` or",
        ),
        (
            "en.greeting = ''",
            "`prompts.en.greeting` must have 1 to 400",
        ),
        ("en.queue = 'Wait {x}'", "has `{x}`, which no number fills"),
        (
            "yue.voice = '-v; rm'",
            "`prompts.yue.voice` must be a voice",
        ),
        ("tell_wait = 'no'", "`prompts.tell_wait` must be `true` or"),
        ("zh.greet = '您好'", "`prompts.zh.greet` is not a known key"),
    ] {
        let (_, problems, usable) = of(setting);
        assert_eq!(problems.len(), 1, "{setting}: {problems:?}");
        assert!(problems[0].contains(said), "{problems:?}");
        let usual = of("").2;
        assert_eq!(
            usable, usual,
            "{setting} keeps the telephones from starting"
        );
    }
}

#[test]
fn the_example_says_what_the_shipped_prompts_say() {
    let example = include_str!("../../config.example.toml");
    let texts = trunkside_media::Texts::shipped();
    for language in Language::ALL {
        for prompt in trunkside_call::PromptKey::SPOKEN {
            let text = texts.get(language, prompt).whole();
            let line = format!("# {language}.{} = \"{text}\"", prompt.name());
            assert!(example.contains(&line), "{line}");
        }
    }
}
