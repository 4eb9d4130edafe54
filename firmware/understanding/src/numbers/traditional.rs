//! Traditional characters of cues, names and addresses, read as simplified ones.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Pairs of a traditional character and the simplified one that it is read as. Only characters
/// that the rules of this crate name are here: it folds for matching and is no converter.
const PAIRS: &str = "電电話话號号碼码證证賬账帳帐戶户訂订單单運运編编費费貨货銀银機机護护照照險险縣县\
    鎮镇鄉乡區区園园樓楼棟栋層层號号東东廣广門门灣湾島岛龍龙馬马劉刘陳陈張张黃黄趙赵吳吴孫孙\
    鄭郑許许鄧邓馮冯蕭萧葉叶蘇苏呂吕盧卢鍾钟鐘钟譚谭陸陆範范賈贾鄒邹賀贺龔龚萬万錢钱嚴严莊庄\
    魯鲁歐欧陽阳楊杨羅罗韓韩蔣蒋餘余沈沈齊齐喬乔龐庞顏颜倪倪聶聂魏魏溫温湯汤鄔邬閻阎賴赖簡简\
    關关麥麦簡简國国偉伟華华麗丽強强軍军傑杰濤涛穎颖靜静敏敏豔艳娟娟霞霞紅红慶庆鳳凤蘭兰寶宝\
    婷婷儀仪詠咏詩诗慧慧倫伦賢贤澤泽鵬鹏飛飞歡欢樂乐潔洁瑩莹瓊琼燕燕銘铭鈞钧鋒锋濱滨輝辉煒炜\
    學学術术業业營营發发問问題题錯错對对請请謝谢點点幾几個个兩两時时間间後后係系這这裡里裏里處处\
    寄寄遞递達达過过還还說说讀读聽听記记錄录車车牌牌駕驾駛驶執执身身份份國国籍籍郵邮箱箱網网\
    簽签綁绑開开頭头聯联繫系絡络匯汇轉转賠赔償偿設设備备務务員员職职師师醫医經经理理總总監监\
    預预約约進进遠远邊边為为與与從从嗎吗呢呢啲啲廈厦場场莊庄邨邨壹壹貳贰參叁陸陆萬万億亿雙双\
    圍围塊块圓圆紙纸幣币將将應应該该實实際际數数據据級级線线綫线燈灯壞坏爛烂斷断鎖锁滅灭漏漏";

/// The simplified form, or the character itself.
pub(super) fn simplified(c: char) -> char {
    static TABLE: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
        let chars: Vec<char> = PAIRS.chars().filter(|c| !c.is_whitespace()).collect();
        chars
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect()
    });
    TABLE.get(&c).copied().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_and_numbers_fold() {
        let folded: String = "電話號碼係兩萬，張國偉".chars().map(simplified).collect();
        assert_eq!(folded, "电话号码系两万，张国伟");
        assert_eq!(simplified('好'), '好');
    }
}
