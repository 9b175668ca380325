//! In: a locale, options, two strings. Out: which comes first.
//! May touch: ICU4X's root collation, and the tailorings in `intl.bin`.
//! Security boundary: no.

use crate::data::COLLATIONS;
use icu_collator::options::{AlternateHandling, CaseLevel, CollatorOptions, MaxVariable, Strength};
use icu_collator::preferences::CollationCaseFirst;
use icu_collator::provider::*;
use icu_collator::{Collator, CollatorPreferences};
use icu_locale::Locale;
use icu_normalizer::provider::{Baked as NormalizerBaked, NormalizerNfdDataV1, NormalizerNfdTablesV1};
use icu_provider::prelude::*;
use std::cmp::Ordering;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    Base,
    Accent,
    Case,
    Variant,
}

pub struct Options<'a> {
    /// Canonical, without extensions.
    pub locale: &'a str,
    /// A kind that `kinds` lists; empty for the standard one.
    pub kind: &'a str,
    pub sensitivity: Sensitivity,
    pub numeric: bool,
    /// "upper", "lower" or "false"; empty for what the locale has.
    pub case_first: &'a str,
    pub ignore_punctuation: bool,
}

pub struct Comparer(Collator);

/// Kinds of collation that a language has besides the standard one.
pub fn kinds(language: &str) -> Vec<&'static str> {
    let own =
        COLLATIONS.iter().filter(|(locale, kind, _)| !kind.is_empty() && locale.split('-').next() == Some(language));
    let mut kinds: Vec<&str> = own.map(|(_, kind, _)| *kind).collect();
    kinds.dedup();
    kinds
}

impl Comparer {
    /// `None` where the order needs data that is not here.
    pub fn new(options: &Options<'_>) -> Option<Comparer> {
        let mut tag = format!("{}-u", options.locale);
        if !options.kind.is_empty() {
            tag.push_str(&format!("-co-{}", options.kind));
        }
        if !options.case_first.is_empty() {
            tag.push_str(&format!("-kf-{}", options.case_first));
        }
        tag.push_str(if options.numeric { "-kn" } else { "-kn-false" });
        let preferences = CollatorPreferences::from(&Locale::try_from_str(&tag).ok()?);
        let mut choices = CollatorOptions::default();
        choices.strength = Some(match options.sensitivity {
            Sensitivity::Base | Sensitivity::Case => Strength::Primary,
            Sensitivity::Accent => Strength::Secondary,
            Sensitivity::Variant => Strength::Tertiary,
        });
        choices.case_level =
            Some(if options.sensitivity == Sensitivity::Case { CaseLevel::On } else { CaseLevel::Off });
        choices.alternate_handling =
            Some(if options.ignore_punctuation { AlternateHandling::Shifted } else { AlternateHandling::NonIgnorable });
        choices.max_variable = Some(MaxVariable::Punctuation);
        Collator::try_new_unstable(&Carried, preferences, choices).ok().map(Comparer)
    }

    /// Which case comes first: "upper", "lower" or "false".
    pub fn case_first(&self) -> &'static str {
        match self.0.as_borrowed().resolved_options().case_first {
            CollationCaseFirst::Upper => "upper",
            CollationCaseFirst::Lower => "lower",
            _ => "false",
        }
    }

    pub fn compare(&self, left: &str, right: &str) -> Ordering {
        self.0.as_borrowed().compare(left, right)
    }
}

/// ICU4X's own data, but for the tailorings: linked, they would all come along.
struct Carried;

impl DataProvider<CollationTailoringV1> for Carried {
    fn load(&self, request: DataRequest<'_>) -> Result<DataResponse<CollationTailoringV1>, DataError> {
        let kind = request.id.marker_attributes.as_str();
        let missing = || DataErrorKind::IdentifierNotFound.with_req(CollationTailoringV1::INFO, request);
        // The metadata of a locale lie where its tailoring lies, and know the way there.
        let metadata: DataResponse<CollationMetadataV1> = Baked.load(request)?;
        let places =
            [Some(*request.id.locale), metadata.metadata.locale].into_iter().flatten().map(|locale| locale.to_string());
        let carried = |place: String| COLLATIONS.iter().find(|(locale, own, _)| *locale == place && *own == kind);
        let (.., piece) = places.filter_map(carried).next().ok_or_else(missing)?;
        let data: CollationData<'static> = postcard::from_bytes(piece.inflate_once()).map_err(|_| missing())?;
        Ok(DataResponse { metadata: DataResponseMetadata::default(), payload: DataPayload::from_owned(data) })
    }
}

macro_rules! as_icu4x_has_it {
    ($provider:ident: $($marker:ident),*) => {
        $(impl DataProvider<$marker> for Carried {
            fn load(&self, request: DataRequest<'_>) -> Result<DataResponse<$marker>, DataError> {
                $provider.load(request)
            }
        })*
    };
}

as_icu4x_has_it!(Baked: CollationRootV1, CollationDiacriticsV1, CollationJamoV1, CollationMetadataV1, CollationReorderingV1,
    CollationSpecialPrimariesV1);
as_icu4x_has_it!(NormalizerBaked: NormalizerNfdDataV1, NormalizerNfdTablesV1);
