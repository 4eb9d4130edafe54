//! Refusals in Mandarin and Cantonese.
//!
//! What a caller says against being recorded is short: a word against it (`不要`, `停止`), the recording
//! (`录音`, `录我`), and between them at most who does it to what (`你们`, `这个电话`). Anything else there,
//! a question, a condition or somebody else's wish makes another sentence of it.

/// How a word is against recording, which says whose it must be.
#[derive(Clone, Copy)]
enum Against {
    /// Tells the other side to leave it.
    Order,
    /// Says that the other side may not.
    Ban,
    /// Says that nobody needs it.
    Needless,
    /// Says what the speaker wants.
    Wish,
    /// Ends what has begun.
    Stop,
    /// Negates the verb itself, as in `可以不录音`.
    Plain,
}

/// The words against it. Like all lists here, parted by spaces.
const AGAINST: [(Against, &str); 6] = [
    (Against::Order, "不要 别 甭 勿 不许 不准 唔好 唔要 唔准 咪"),
    (
        Against::Ban,
        "不能 不可以 不可 不得 不应该 不该 唔可以 唔得 唔应该 禁止 严禁",
    ),
    (
        Against::Needless,
        "不用 不必 不需要 没必要 无需 用不着 唔使 唔洗 唔需要 冇必要",
    ),
    (
        Against::Wish,
        "不想 不愿 不愿意 不希望 不同意 不接受 不允许 不让 不肯 不喜欢 不赞成 反对 拒绝 \
         唔想 唔愿 唔愿意 唔希望 唔同意 唔接受 唔允许 唔俾 唔畀 唔肯 唔钟意",
    ),
    (
        Against::Stop,
        "停止 停掉 停咗 停下 关掉 关闭 关上 关了 关咗 取消 删除 删掉 删了 删咗 熄咗 销毁",
    ),
    (Against::Plain, "不 唔"),
];

/// What may stand between the two: who does it, how, and to what.
const BETWEEN: &str = "你们 你哋 你 您 我们 我哋 咱们 我 给 帮 对 对着 把 将 同 被 被人 俾人 畀人 俾 畀 \
                       让 让人 有人 有 再 进行 继续 做 去 开 开着 开启 启动 偷偷 偷 擅自 私自 随便 乱 全程 \
                       一直 现在 而家 依家 任何 这个 这通 这次 这段 这 呢个 呢通 呢次 呢段 今次 本次 刚才 \
                       电话 通话 对话 谈话 我说的话 我讲嘅嘢 的 嘅 个 段";

/// What stands before a word against it and changes nothing.
const ADVERBS: &str = "就 都 也 亦 又 可 千万 绝对 坚决 真的 真 根本 现在 而家 是 系 最好 一定 完全 并 实在 \
                       其实 马上 立刻 立即 赶紧 即刻 再 先 之前 刚才 已经 明确 表示";

const ME: &str = "我 我们 咱们 我哋 本人";
const YOU: &str = "你 您 你们 您们 你哋";
const OTHERS: &str = "他 她 佢 们 哋 人 谁 边个";

/// What a request begins with.
const ASKING: &str = "请 麻烦 唔该 请你 麻烦你 唔该你 请您 麻烦您 请你们 麻烦你们 可以 能 能不能 可不可以 \
                      可唔可以 得唔得 可否 要求 希望";

/// What says that the speaker wants something.
const WANTING: &str = "想 要 选择 必须 应该 需要";

/// What ends a thought, so that another begins behind it.
const BEGINNING: &str = "了 啊 呀 吧 呢 啦 喇 喂 好 好的 但 但是 可是 不过 那 咁 因为 所以 而且 嗯 呃 哎 先生 \
                         小姐 谢谢 还有";

/// Whoever asks is to get an answer and lose no recording.
const QUESTIONS: &str = "为什么 为何 点解 怎么 如何 怎样 点样 点 咋 干嘛 是不是 是否 系咪 系唔系 有没有 有冇 \
                         会不会 会唔会 几时 什么时候 谁 边个 难道";

/// A question whether it is so, behind the recording.
const WHETHER: &str = "吗 么 咩 没 未 怎 咋 了吗 了没 咗未 不了 唔到";

/// What would be, were it so.
const CONDITIONS: &str = "如 要是 假设 若 万一 的话";

/// Behind the recording: what would follow, or which key it takes.
const CONSEQUENCES: &str =
    "怎么办 怎么样 会怎 点算 点办 请按 按几 按九 按什么 按哪 撳九 撳几 撳咩 撳边 有什么";

/// Whoever speaks of these wants a person, and no voice from a tape.
const PERSONS: &str = "人工 真人 活人 换人 个人 同我讲";

/// What denies what stands behind it.
const DENIALS: &str = "不是 没有 没 冇 唔系 并非";

/// Other things than the recording of a call, behind `录音`, and behind `录`.
const THINGS_OF_SOUND: &str =
    "机 棚 笔 带 室 师 员 卡 频 软 功 播 客 回 答 服 留 提 电 说 讲 跟 文件 给";
const OTHER_THINGS: &str = "电话号 电话簿 话费 说明 音频 有效 声纹";

/// Behind `录`: how and what, and then a voice, what it says, or another thought.
const OBJECTS: &str = "制 下来 下 低 住 着 起来 到 我们 我哋 咱们 我 这个 这通 这次 这段 呢个 呢通 呢段 今次 这 \
                       呢 的 嘅 了 把";
const BEHIND_OBJECTS: &str = "音 声 说 讲 话 电话 通话 对话 谈话 嘢 吧 啊 呀 啦 喇 嘛 哦 喔 吗 咩 咗 要 不 想 唔 就 \
                              是 系 有 没 冇 只 都 也 你 您 请 谢 多谢 麻烦 好 得 行 可以 可唔 先";

/// Behind the recording: what ends it, and what stands between.
const ENDED: &str =
    "关掉 关上 关闭 关一 关了 关咗 停掉 停止 停一 停了 停咗 删掉 删除 删了 删咗 取消 熄";
const BEFORE_ENDED: &str =
    "给我 帮我 马上 立刻 全部 都 可以 能不能 可不可以 可唔可以 麻烦 请 而家 现在 即刻";

/// Whether somebody says that they do not want to be recorded.
pub fn refuses(text: &str) -> bool {
    let text: String = text.chars().filter(|it| it.is_alphanumeric()).collect();
    text.match_indices('录').any(|(at, word)| {
        let before = &text[..at];
        recorded(&text[at + word.len()..]).is_some_and(|(behind, is_noun)| {
            let is_supposed = begins_with(behind, CONDITIONS) || contains(behind, CONSEQUENCES);
            let is_named = || is_ended(before, behind) || is_disagreed_with(before, behind);
            !is_supposed && (is_forbidden(before, behind, is_noun) || is_noun && is_named())
        })
    })
}

/// What stands behind the recording of a call, whose `录` came before; and whether it is the noun.
fn recorded(behind: &str) -> Option<(&str, bool)> {
    if let Some(rest) = behind.strip_prefix('音') {
        return (!begins_with(rest, THINGS_OF_SOUND)).then_some((rest, true));
    }
    let rest = without_beginnings(behind, OBJECTS);
    let is_voice = rest.is_empty() || begins_with(rest, BEHIND_OBJECTS);
    (is_voice && !begins_with(rest, OTHER_THINGS)).then_some((rest, false))
}

/// Whether a word against it stands before the recording, and is meant so.
fn is_forbidden(before: &str, behind: &str, is_noun: bool) -> bool {
    let Some((lead, word, against)) = against_before(before) else {
        return false;
    };
    let between = &before[lead.len() + word.len()..];
    let is_choice = is_choice(lead, word);
    if is_choice
        || between.starts_with(['的', '嘅'])
        || is_asked(lead)
        || contains(lead, CONDITIONS)
    {
        return false;
    }
    let asks = ends_with(lead, ASKING);
    let tail = behind.strip_prefix('了').unwrap_or(behind);
    // In `不要把录音删了` it is what follows that is not to be.
    let is_taken = is_noun && between.ends_with(['把', '将']);
    if is_taken || begins_with(tail, WHETHER) && !asks {
        return false;
    }
    let lead = without_endings(lead, ADVERBS);
    let is_fresh = lead.is_empty() || asks || ends_with(lead, BEGINNING) || is_this_call(lead);
    let (mine, yours) = (ends_with(lead, ME), ends_with(lead, YOU));
    match against {
        Against::Order => {
            let is_clear = is_noun || is_fresh || mine || yours;
            let is_of_others = !mine && !yours && ends_with(lead, OTHERS);
            is_clear
                && !is_of_others
                && !is_part_of_another(&before[..before.len() - between.len()], word)
                && !is_told(lead)
                && !is_for_a_person(lead, between, tail)
        }
        Against::Ban => (is_fresh || yours) && !tail.starts_with('呀') && !between.contains('帮'),
        Against::Needless => (is_fresh || yours || mine) && !tail.starts_with('呀'),
        Against::Wish => {
            (is_fresh || mine) && !is_told(lead) && !is_for_a_person(lead, between, tail)
        }
        Against::Stop => may_end(lead) && (asks || tail.len() == behind.len()),
        Against::Plain => {
            let is_choice = (asks || ends_with(lead, WANTING)) && !is_denied(lead);
            let is_whole = lead.is_empty() || is_one_of(lead, ME);
            let is_end = tail.is_empty() || begins_with(tail, "吧 谢 好 行 可以 得");
            between.is_empty() && (is_choice || is_whole && is_end)
        }
    }
}

/// The nearest word against it, where nothing parts it from the recording but what may; before it stands
/// what comes first.
fn against_before(before: &str) -> Option<(&str, &'static str, Against)> {
    let words = || {
        let of = |&(against, words): &(Against, &'static str)| {
            words.split(' ').map(move |word| (word, against))
        };
        AGAINST.iter().flat_map(of)
    };
    let mut rest = before;
    loop {
        let found = words().find_map(|(word, against)| {
            let lead = rest.strip_suffix(word)?;
            Some((lead, word, against))
        });
        if found.is_some() {
            return found;
        }
        rest = shortened(rest, BETWEEN)?;
    }
}

/// Whether the word is half of a choice, as in `要不要` and `可以不可以`.
fn is_choice(lead: &str, word: &str) -> bool {
    let verb = word.trim_start_matches(['不', '唔']);
    verb.len() < word.len() && (!verb.is_empty() && lead.ends_with(verb))
        || verb.len() < word.len() && verb.chars().next().is_some_and(|it| lead.ends_with(it))
}

/// Whether a question or a denial leads up to it, as in `为什么我不能` and `不是我不同意`.
fn is_asked(lead: &str) -> bool {
    let mut rest = lead;
    loop {
        if ends_with(rest, QUESTIONS) || ends_with(rest, DENIALS) {
            return true;
        }
        let whose = [ME, YOU, OTHERS, ADVERBS];
        let Some(shorter) = whose.iter().find_map(|words| shortened(rest, words)) else {
            return false;
        };
        rest = shorter;
    }
}

/// Whether it ends in this call, as in `这个电话不能录音`; other telephones record what they like.
fn is_this_call(lead: &str) -> bool {
    let call = lead
        .strip_suffix("电话")
        .or_else(|| lead.strip_suffix("通话"));
    let is_this = |rest| ends_with(rest, "这 这个 这通 这次 呢 呢个 呢通 今次 本次");
    call.is_some_and(is_this) || ends_with(lead, "这段 这段话 呢段")
}

/// Whether the word is the end of another, as in `特别`, or of a question, as in `系咪`.
fn is_part_of_another(lead: &str, word: &str) -> bool {
    let lead = lead.trim_end_matches(word);
    match word {
        "别" => ends_with(lead, "特 级 区 分 个 性 识 辨 类 差 告 离 道"),
        "咪" => ends_with(lead, "系 是 咁 就 都 佢"),
        _ => false,
    }
}

/// Whether somebody else has said it, to the speaker or of themselves.
fn is_told(lead: &str) -> bool {
    let said = without_endings(lead, "说 话 讲 说过 说了 讲过 跟你 同你");
    let is_said = said.len() < lead.len() && !is_this_call(lead);
    let by = without_endings(said, ADVERBS);
    is_said && !by.is_empty() && !ends_with(by, ME)
        || ends_with(lead, "叫我 让我 要我 劝我 喊我 提醒我 告诉我")
}

/// Whether a person is wanted in the place of the tape.
fn is_for_a_person(lead: &str, between: &str, behind: &str) -> bool {
    let is_of_you = ends_with(lead, YOU) || ends_with(lead, ASKING);
    between.is_empty() && !is_of_you && contains(behind, PERSONS)
}

/// Whether the recording is followed by what ends it, as in `把录音关掉`.
fn is_ended(before: &str, behind: &str) -> bool {
    let rest = without_beginnings(behind, BEFORE_ENDED);
    let ends = |word: &'static str| Some((word, rest.strip_prefix(word)?));
    let Some((word, tail)) = ENDED.split(' ').find_map(ends) else {
        return false;
    };
    let lead = without_endings(before, BETWEEN);
    let between = &before[lead.len()..];
    let actor = between.rsplit_once(['把', '将']).map(|(actor, _)| actor);
    let is_by_me = actor.is_some_and(|it| ends_with(it, ME) && !ends_with(it, "给我 帮我 同我"));
    let is_told = actor.is_some() || rest.len() < behind.len() || !lead.is_empty();
    let is_done = word.ends_with(['了', '咗']) || tail.starts_with(['了', '咗']);
    let is_asked_for = contains(
        &behind[..behind.len() - rest.len()],
        "可以 能不能 可不可以 可唔可以",
    );
    (is_told || !is_done)
        && !is_by_me
        && (is_asked_for || ends_with(lead, ASKING) || !begins_with(tail, WHETHER))
        && may_end(lead)
}

/// Whether this leads up to what is to be ended, and not to what somebody has ended, or must not.
fn may_end(lead: &str) -> bool {
    let lead = without_endings(lead, "给我 帮我 同我");
    let lead = without_endings(lead, ADVERBS);
    let is_told = lead.is_empty()
        || [ASKING, YOU, WANTING, BEGINNING]
            .iter()
            .any(|words| ends_with(lead, words));
    is_told && !is_denied(lead) && !contains(lead, QUESTIONS) && !contains(lead, CONDITIONS)
}

/// Whether something is not to be that follows.
fn is_denied(lead: &str) -> bool {
    let denying = AGAINST
        .iter()
        .filter(|(of, _)| !matches!(of, Against::Stop));
    let mut denying = denying.map(|(_, words)| *words).chain([DENIALS]);
    !ends_with(lead, "能不能 可不可以 可唔可以") && denying.any(|words| ends_with(lead, words))
}

/// Whether somebody disagrees with the recording that was named before, as in `录音我不同意`.
fn is_disagreed_with(before: &str, behind: &str) -> bool {
    let rest = without_beginnings(behind, "我 我们 我哋 本人 这个 这件事 坚决 绝对 是 就 都");
    let words = "不同意 唔同意 不愿意 唔愿意 不允许 不接受";
    let mut tails = words.split(' ').filter_map(|word| rest.strip_prefix(word));
    let lacks = ends_with(before, "不 唔 没 没有 冇");
    !lacks && tails.any(|tail| !begins_with(tail, WHETHER))
}

fn is_one_of(text: &str, words: &str) -> bool {
    words.split(' ').any(|word| text == word)
}

fn contains(text: &str, words: &str) -> bool {
    words.split(' ').any(|word| text.contains(word))
}

fn ends_with(text: &str, words: &str) -> bool {
    words.split(' ').any(|word| text.ends_with(word))
}

fn begins_with(text: &str, words: &str) -> bool {
    words.split(' ').any(|word| text.starts_with(word))
}

/// The text without the longest of the words that ends it.
fn shortened<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let shorter = words.split(' ').filter_map(|word| text.strip_suffix(word));
    shorter.min_by_key(|rest| rest.len())
}

fn without_endings<'a>(mut text: &'a str, words: &str) -> &'a str {
    while let Some(rest) = shortened(text, words) {
        text = rest;
    }
    text
}

fn without_beginnings<'a>(mut text: &'a str, words: &str) -> &'a str {
    while let Some(rest) = words.split(' ').find_map(|word| text.strip_prefix(word)) {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::refuses;

    #[test]
    fn who_does_not_want_to_be_recorded_is_understood() {
        for text in [
            "不要录音",
            "请不要录音",
            "别录",
            "别录了",
            "不要录",
            "别录音",
            "别给我录音",
            "你别录我",
            "别再录了",
            "你们别偷偷录音",
            "不要录我说的话",
            "不要录下来",
            "不要录我的电话",
            "请不要对我进行电话录音",
            "我要挂失信用卡不要录音",
            "我不同意你们录音",
            "我不同意录音",
            "我不想被录音",
            "我不希望被录音",
            "我不希望这个电话被录音",
            "我不愿意你们录我的声音",
            "我不接受录音",
            "我拒绝录音",
            "我反对你们录音",
            "不让录音",
            "你们不能录音",
            "你们不可以给我录音",
            "这个电话不能录音",
            "不许录音",
            "你不准录我",
            "不用录音了谢谢",
            "我不需要录音",
            "能不能不要录音",
            "可以不录音吗",
            "可不可以不要录音啊",
            "可以别录音吗",
            "不录音可以吗",
            "我选择不录音",
            "我说了别录了",
            "我说不要录音",
            "停止录音",
            "请停止录音",
            "请你停止对我录音",
            "把录音关掉",
            "请把录音删了",
            "麻烦你把录音关了",
            "帮我把录音删了",
            "我要求删除录音",
            "我要你们把录音删除",
            "请关闭录音",
            "录音可以关掉吗",
            "录音我不同意",
            "不要录音帮我转余额查询",
            "请不要录音，我要转人工",
            "唔好录音",
            "唔好录",
            "唔好录我",
            "唔好再录啦",
            "唔好录住",
            "唔好录低我讲嘅嘢",
            "唔好同我录音",
            "唔该唔好录音",
            "可唔可以唔好录音呀",
            "可唔可以唔录音",
            "我唔想俾人录音",
            "我唔同意你哋录音",
            "我唔想录音",
            "唔使录音喇",
            "你哋唔可以录音",
            "咪录我",
            "咪录音",
            "停咗个录音佢",
            "唔该将录音熄咗佢",
            "我都话唔好录音",
        ] {
            assert!(refuses(text), "{text}");
        }
    }

    #[test]
    fn nothing_else_is_taken_for_it() {
        for text in [
            "我不能登录手机银行",
            "我登录不了",
            "别人登录了我的账号",
            "别人登录我账号了",
            "我的账号在别的城市登录了",
            "不用登录吗",
            "你们不要录入我的信息",
            "不要录错我的名字",
            "别录错了",
            "别录我的身份证",
            "我不想录指纹",
            "指纹不用录了吧",
            "人脸别录了",
            "不要录我的电话号码",
            "不要记录在我的征信上",
            "没有交易记录",
            "我不想要通话记录",
            "通讯录不见了",
            "删除登录记录",
            "取消登录",
            "停止登录",
            "取消录用通知",
            "我不能录取吗",
            "不要打开目录",
            "不要录像",
            "我不要录音机",
            "你系咪录音",
            "你系咪录紧音",
            "咁咪录音囉",
            "系唔系录音",
            "要不要录音",
            "能不能录音",
            "可不可以录音",
            "可以不可以录音",
            "你同不同意录音",
            "需不需要录音",
            "用不用录音",
            "可唔可以录音",
            "使唔使录音",
            "录不录音",
            "你们录音吗",
            "你们不录音吗",
            "不用录音吗",
            "唔使录音咩",
            "为什么不能录音",
            "为什么不录音",
            "点解唔可以录音",
            "为什么我不能听录音",
            "我手机不能录音",
            "我不能录音",
            "这项业务不用录音",
            "我不反对录音",
            "我不是不同意录音",
            "我没说不要录音",
            "如果我不同意录音怎么办",
            "如果不同意录音请按九",
            "要是我不想录音呢",
            "不同意录音按几",
            "客服说不要录音",
            "他们不让录音",
            "老公叫我不要录音",
            "你不想录音吗",
            "不要删除录音",
            "不要把录音删了",
            "别停止录音",
            "不要停止录音",
            "唔好删咗录音",
            "怎么删除录音",
            "怎么把录音关掉",
            "我不小心把录音删了",
            "我把录音删了怎么办",
            "录音被删了",
            "录音删了怎么办",
            "你们停止录音了吗",
            "请提供相关录音",
            "有关录音的事",
            "请保存好别的录音",
            "有没有别的录音",
            "分别录音",
            "不要录音了给我接人工",
            "别录音说话",
            "我不要录音我要真人",
            "别放录音了找个活人跟我说",
            "唔好再播录音喇搵个人听电话",
            "不想听录音",
            "不要给我放录音",
            "通话将被录音不同意请按九",
            "好的不会录音",
            "没有录音我不接受",
            "我要查录音",
            "录音我还没听",
            "不知道你们昨天那个电话录音还在吗",
        ] {
            assert!(!refuses(text), "{text}");
        }
    }
}
