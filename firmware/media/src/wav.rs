//! Telephone recordings as WAV files: mono, 8 kHz, 16-bit linear or G.711.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use trunkside_call::{Codec, SAMPLE_RATE_HZ};

use crate::g711;

/// The largest recording that is read: nine hours in 16 bits.
const MAX_BYTES: u64 = 512 << 20;

const FORMAT_PCM: u16 = 1;
const FORMAT_ALAW: u16 = 6;
const FORMAT_MULAW: u16 = 7;
/// The true format stands at the start of the sub-format GUID.
const FORMAT_EXTENSIBLE: u16 = 0xfffe;

/// Why a recording cannot be used, and what mends it.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {problem}", file.display())]
pub struct WavError {
    /// The recording.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: WavProblem,
}

/// What can be wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum WavProblem {
    /// The system would not read it.
    #[error("cannot be read: {0}; check its name, and that you may read it")]
    Unreadable(io::Error),
    /// A folder or a device.
    #[error("it is no file; name the recordings themselves, such as `FOLDER/*.wav`")]
    NoFile,
    /// The system would not write it.
    #[error("cannot be written: {0}; choose another place, or make room")]
    Unwritable(io::Error),
    /// More than a box would ever record.
    #[error("it has more than {MAX_BYTES} bytes; cut it into several")]
    TooLarge,
    /// Nothing in it.
    #[error("the file is empty; record it again")]
    Empty,
    /// Another kind of file.
    #[error("not a WAV file; convert it with `sox IN -r 8000 -c 1 -e a-law OUT.wav`")]
    NotWav,
    /// It ends before its own lengths say.
    #[error("truncated: {have} of {want} bytes of its `{chunk}` chunk are there; copy it again")]
    Truncated {
        /// The chunk that is cut.
        chunk: String,
        /// Bytes that are there.
        have: usize,
        /// Bytes that its header promises.
        want: usize,
    },
    /// A chunk that every WAV file has is not there.
    #[error("it has no `{0}` chunk; record or copy it again")]
    ChunkMissing(&'static str),
    /// It holds no samples.
    #[error("it holds no audio; record it again")]
    Silent,
    /// Not telephone audio.
    #[error("sample rate {0} Hz is not 8000 Hz; convert it with `sox IN -r 8000 OUT`")]
    Rate(u32),
    /// Not mono.
    #[error(
        "{0} channels instead of one; take one of them with `sox IN -r 8000 OUT remix 1` (of an exported \
         call 1 is the caller, 2 the agent)"
    )]
    Channels(u16),
    /// Neither 16-bit linear nor G.711.
    #[error(
        "format {format} with {bits} bits a sample is not supported; \
         convert it with `sox IN -r 8000 -c 1 -b 16 -e signed-integer OUT`"
    )]
    Encoding {
        /// The WAV format tag.
        format: u16,
        /// Bits a sample.
        bits: u16,
    },
}

/// How samples are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 16-bit linear.
    Pcm16,
    /// G.711, half the size.
    G711(Codec),
}

/// Reads a recording's samples.
pub fn read(path: &Path) -> Result<Vec<i16>, WavError> {
    let failed = |problem| WavError {
        file: path.to_owned(),
        problem,
    };
    let unreadable = |error| failed(WavProblem::Unreadable(error));
    let mut bytes = Vec::new();
    if path.is_dir() {
        return Err(failed(WavProblem::NoFile));
    }
    let read = File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if read as u64 > MAX_BYTES {
        return Err(failed(WavProblem::TooLarge));
    }
    parse(&bytes, path)
}

/// Reads samples from the bytes of a recording; `file` names it in errors.
pub fn parse(bytes: &[u8], file: &Path) -> Result<Vec<i16>, WavError> {
    let read = || match parse_any_rate(bytes)? {
        (SAMPLE_RATE_HZ, samples) => Ok(samples),
        (rate, _) => Err(WavProblem::Rate(rate)),
    };
    read().map_err(|problem| WavError {
        file: file.to_owned(),
        problem,
    })
}

/// Writes samples as a recording.
pub fn write(path: &Path, samples: &[i16], encoding: Encoding) -> Result<(), WavError> {
    std::fs::write(path, to_bytes(samples, encoding)).map_err(|error| WavError {
        file: path.to_owned(),
        problem: WavProblem::Unwritable(error),
    })
}

/// Writes two sides as the two channels of one recording, linear in 16 bits; the shorter one is
/// silent to the end. The file must not exist. Only its owner may read it, and half of one is not left.
pub fn write_pair(path: &Path, left: &[i16], right: &[i16]) -> Result<(), WavError> {
    let frames = left.len().max(right.len());
    let written = create_whole(path, |out| {
        out.write_all(&header(FORMAT_PCM, 2, 2, frames as u32 * 4))?;
        for n in 0..frames {
            for side in [left, right] {
                let sample = side.get(n).copied().unwrap_or_default();
                out.write_all(&sample.to_le_bytes())?;
            }
        }
        Ok(())
    });
    written.map_err(|error| WavError {
        file: path.to_owned(),
        problem: WavProblem::Unwritable(error),
    })
}

/// Makes a file for its owner alone, and removes it again when it cannot be written.
fn create_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = BufWriter::new(options.open(path)?);
    let written = write(&mut out).and_then(|()| out.flush());
    if written.is_err() {
        // The reason is told; half a file would stand in the way of the next try.
        let _ = fs::remove_file(path);
    }
    written
}

/// Samples a second, and samples, of sound that is no telephone's yet.
pub fn parse_any_rate(bytes: &[u8]) -> Result<(u32, Vec<i16>), WavProblem> {
    if bytes.is_empty() {
        return Err(WavProblem::Empty);
    }
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        return Err(WavProblem::NotWav);
    }
    let format = Format::parse(chunk(bytes, *b"fmt ")?.ok_or(WavProblem::ChunkMissing("fmt "))?)?;
    let data = chunk(bytes, *b"data")?.ok_or(WavProblem::ChunkMissing("data"))?;
    let samples = format.decode(data)?;
    if samples.is_empty() {
        return Err(WavProblem::Silent);
    }
    Ok((format.rate_hz, samples))
}

/// The body of the first chunk of that name.
fn chunk(bytes: &[u8], wanted: [u8; 4]) -> Result<Option<&[u8]>, WavProblem> {
    let mut rest = &bytes[12..];
    while let Some((head, tail)) = rest.split_at_checked(8) {
        let want = le_u32(&head[4..]) as usize;
        if head[..4] == wanted {
            // Who writes into a pipe cannot go back: a length that no recording has stands for its end.
            if wanted == *b"data" && want as u64 > MAX_BYTES {
                return Ok(Some(tail));
            }
            let cut = || WavProblem::Truncated {
                chunk: String::from_utf8_lossy(&wanted).trim_end().to_owned(),
                have: tail.len(),
                want,
            };
            return tail.get(..want).map(Some).ok_or_else(cut);
        }
        // Chunks are padded to an even length.
        rest = tail
            .get(want.saturating_add(want % 2)..)
            .unwrap_or_default();
    }
    Ok(None)
}

struct Format {
    tag: u16,
    bits: u16,
    rate_hz: u32,
}

impl Format {
    fn parse(chunk: &[u8]) -> Result<Self, WavProblem> {
        if chunk.len() < 16 {
            return Err(WavProblem::Truncated {
                chunk: "fmt".into(),
                have: chunk.len(),
                want: 16,
            });
        }
        let tag = match le_u16(chunk) {
            FORMAT_EXTENSIBLE if chunk.len() >= 26 => le_u16(&chunk[24..]),
            tag => tag,
        };
        match le_u16(&chunk[2..]) {
            1 => {}
            channels => return Err(WavProblem::Channels(channels)),
        }
        Ok(Self {
            tag,
            bits: le_u16(&chunk[14..]),
            rate_hz: le_u32(&chunk[4..]),
        })
    }

    fn decode(&self, data: &[u8]) -> Result<Vec<i16>, WavProblem> {
        match (self.tag, self.bits) {
            (FORMAT_PCM, 16) => Ok(data
                .chunks_exact(2)
                .map(|sample| i16::from_le_bytes([sample[0], sample[1]]))
                .collect()),
            (FORMAT_ALAW, 8) => Ok(g711::decode_all(Codec::Pcma, data)),
            (FORMAT_MULAW, 8) => Ok(g711::decode_all(Codec::Pcmu, data)),
            (format, bits) => Err(WavProblem::Encoding { format, bits }),
        }
    }
}

/// The bytes of a recording.
pub fn to_bytes(samples: &[i16], encoding: Encoding) -> Vec<u8> {
    let (tag, width, data) = match encoding {
        Encoding::Pcm16 => (
            FORMAT_PCM,
            2_u16,
            samples
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect(),
        ),
        Encoding::G711(codec) => {
            let tag = if codec == Codec::Pcma {
                FORMAT_ALAW
            } else {
                FORMAT_MULAW
            };
            (tag, 1, g711::encode_all(codec, samples))
        }
    };
    let padding = data.len() % 2;
    let mut bytes = header(tag, 1, width, data.len() as u32);
    bytes.extend(data);
    bytes.extend(std::iter::repeat_n(0, padding));
    bytes
}

/// All before the samples; `width` is a sample's bytes, `length` that of all samples.
fn header(tag: u16, channels: u16, width: u16, length: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(46);
    bytes.extend(b"RIFF");
    bytes.extend((38 + length + length % 2).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    // 18 bytes: formats other than linear carry a length of extra fields, here none.
    bytes.extend(18_u32.to_le_bytes());
    let frame = width * channels;
    for field in [tag, channels] {
        bytes.extend(field.to_le_bytes());
    }
    for field in [SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * u32::from(frame)] {
        bytes.extend(field.to_le_bytes());
    }
    for field in [frame, width * 8, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend(length.to_le_bytes());
    bytes
}

fn le_u16(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn le_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(bytes: &[u8]) -> String {
        parse(bytes, Path::new("in.wav"))
            .expect_err("must be refused")
            .to_string()
    }

    fn speech() -> Vec<i16> {
        (0..801)
            .map(|n| (n * 37 % 20_000 - 10_000) as i16)
            .collect()
    }

    #[test]
    fn what_is_no_file_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let refusal = |path: &Path| read(path).expect_err("must be refused").to_string();
        let missing = refusal(&folder.path().join("missing.wav"));
        assert!(
            missing.contains("missing.wav") && missing.contains("check its name"),
            "{missing}"
        );
        assert!(refusal(folder.path()).contains("it is no file; name the recordings"));
    }

    #[test]
    fn linear_samples_come_back_exactly_and_g711_as_its_law_says() {
        let file = Path::new("x.wav");
        let linear = to_bytes(&speech(), Encoding::Pcm16);
        assert_eq!(parse(&linear, file).expect("well formed"), speech());
        for codec in [Codec::Pcma, Codec::Pcmu] {
            let bytes = to_bytes(&speech(), Encoding::G711(codec));
            let expected = g711::decode_all(codec, &g711::encode_all(codec, &speech()));
            assert_eq!(parse(&bytes, file).expect("well formed"), expected);
        }
    }

    #[test]
    fn two_sides_become_two_channels_and_no_file_is_overwritten() {
        let folder = tempfile::tempdir().expect("writable");
        let path = folder.path().join("pair.wav");
        write_pair(&path, &[1, 2, 3], &[-1]).expect("writable");
        let bytes = std::fs::read(&path).expect("there");
        assert_eq!((bytes.len(), bytes[22], bytes[32]), (46 + 12, 2, 4));
        let samples: Vec<i16> = bytes[46..]
            .chunks_exact(2)
            .map(|sample| i16::from_le_bytes([sample[0], sample[1]]))
            .collect();
        assert_eq!(samples, [1, -1, 2, 0, 3, 0]);
        assert!(error(&bytes).contains("2 channels"));
        assert!(write_pair(&path, &[], &[]).is_err());
    }

    #[test]
    fn what_was_said_on_a_call_is_its_owners_alone_and_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("writable");
        let path = folder.path().join("pair.wav");
        let full = |out: &mut BufWriter<File>| {
            out.write_all(b"RIFF")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        assert!(create_whole(&path, full).is_err());
        assert!(!path.exists());
        write_pair(&path, &[1], &[2]).expect("writable");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn an_extensible_header_names_its_true_format() {
        let mut bytes = Vec::new();
        bytes.extend(b"RIFF\0\0\0\0WAVEfmt ");
        bytes.extend(40_u32.to_le_bytes());
        for field in [
            FORMAT_EXTENSIBLE,
            1,
            8_000,
            0,
            16_000,
            0,
            2,
            16,
            22,
            16,
            0,
            0,
            FORMAT_PCM,
        ] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend([0; 14]);
        bytes.extend(b"LIST\x03\0\0\0abc\0data\x04\0\0\0\x01\0\x02\0");
        assert_eq!(
            parse(&bytes, Path::new("x.wav")).expect("well formed"),
            [1, 2]
        );
    }

    #[test]
    fn every_fault_is_named_with_its_remedy() {
        assert!(error(b"").contains("`in.wav`: the file is empty"));
        assert!(error(b"ID3 this is an mp3 file").contains("sox IN"));
        let good = to_bytes(&speech(), Encoding::Pcm16);
        let cut = error(&good[..good.len() - 100]);
        assert!(
            cut.contains("truncated: 1502 of 1602 bytes of its `data` chunk"),
            "{cut}"
        );
        assert!(error(&good[..30]).contains("truncated"));
        for (endless, what) in [(u32::MAX, "ffmpeg"), (0x7fff_f024, "sox and arecord")] {
            let mut piped = good.clone();
            piped[42..46].copy_from_slice(&endless.to_le_bytes());
            let samples = parse(&piped, Path::new("in.wav"));
            assert_eq!(samples.as_deref().ok(), Some(&speech()[..]), "{what}");
        }
        assert!(error(&good[..38]).contains("no `data` chunk"));
        assert!(error(&to_bytes(&[], Encoding::Pcm16)).contains("no audio"));
        let with = |offset: usize, value: u16| {
            let mut bytes = good.clone();
            bytes[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
            error(&bytes)
        };
        assert!(with(24, 16_000).contains("16000 Hz is not 8000 Hz; convert it with `sox IN -r"));
        assert!(with(22, 2).contains("2 channels"));
        assert!(with(20, 3).contains("format 3 with 16 bits"));
        assert!(with(34, 24).contains("24 bits"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read(Path::new("/nowhere/x.wav"))
            .expect_err("absent")
            .to_string();
        assert!(error.starts_with("`/nowhere/x.wav`: "), "{error}");
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let endless = Path::new("/dev/zero");
        if endless.exists() {
            let error = read(endless).expect_err("no recording").to_string();
            assert!(error.contains("more than"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&bytes, Path::new("x"));
        }

        #[test]
        fn no_damaged_file_panics(at in 0..60_usize, value: u8, length in 0..1_700_usize) {
            let mut bytes = to_bytes(&speech(), Encoding::Pcm16);
            bytes[at] = value;
            bytes.truncate(length);
            let _ = parse(&bytes, Path::new("x"));
        }
    }
}
