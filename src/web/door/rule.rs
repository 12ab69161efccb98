//! The rule of the door: what becomes of a request, from a few facts about it. Everything that comes over TCP is judged here,
//! and nowhere else.

use super::hosts::{BadHost, Origin};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Health, metrics, and what a page is dressed in: no login, and nothing to be done there.
    Open,
    /// The login, and making the account.
    Threshold,
    /// The API: for programs, too.
    Api,
    /// Everything else.
    Page,
}

impl Place {
    /// By its path, as it stands in the request. What is not exactly one of these is a page.
    pub(super) fn of(path: &str, safe: bool) -> Self {
        match path {
            "/login" | "/setup" => Self::Threshold,
            "/healthz" | "/readyz" | "/metrics" if safe => Self::Open,
            _ if safe && path.starts_with(ASSETS) => Self::Open,
            _ if path.starts_with("/api/") => Self::Api,
            _ => Self::Page,
        }
    }
}

/// Where style sheets and scripts are.
pub(super) const ASSETS: &str = "/assets/";

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Nothing, or a cookie that is no session's.
    Nothing,
    /// A session's cookie.
    Session,
    /// A token.
    Token { read_only: bool },
    /// A token that there is not, or not any more.
    BadToken,
}

/// The facts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// What is wrong with the host that it asks for.
    pub(super) host: Option<BadHost>,
    pub(super) place: Place,
    /// GET or HEAD.
    pub(super) safe: bool,
    pub(super) origin: Origin,
    /// It says what the forms of the session's pages say.
    pub(super) form: bool,
    pub(super) shown: Shown,
    /// Whether there is an account.
    pub(super) account: bool,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on, as nobody.
    Open,
    /// It goes on, as who showed that.
    Enter,
    /// 400: it cannot be told who is asked.
    Unclear,
    /// 421: somebody else is asked.
    Elsewhere,
    /// 403: another site's page, or who knows whose, asks for a change; or a program that says not what our forms say.
    CrossSite,
    /// Back to the page, which says that nothing was done: the form is of a session that ended.
    Former,
    /// 403: a token that may only look.
    ReadOnly,
    /// 401.
    Unknown,
    /// To the login.
    LogIn,
    /// To where the first account is made.
    SetUp,
}

/// Judges.
pub(super) fn judge(facts: Facts) -> Verdict {
    match facts.host {
        Some(BadHost::Unclear) => return Verdict::Unclear,
        Some(BadHost::Foreign) => return Verdict::Elsewhere,
        None => {}
    }
    // A token is sent by nobody who was not given it; a cookie is sent by any page that has the browser send something.
    let own = facts.safe || matches!(facts.origin, Origin::Own { .. });
    match (facts.place, facts.shown) {
        (Place::Open, _) => Verdict::Open,
        (Place::Threshold, _) if own => Verdict::Open,
        (Place::Threshold, _) => Verdict::CrossSite,
        (_, Shown::Session) if own && (facts.safe || facts.form) => Verdict::Enter,
        (Place::Page, Shown::Session) if own => Verdict::Former,
        (_, Shown::Session) => Verdict::CrossSite,
        (_, Shown::Token { read_only }) if facts.safe || !read_only => Verdict::Enter,
        (_, Shown::Token { .. }) => Verdict::ReadOnly,
        (_, Shown::BadToken) | (Place::Api, Shown::Nothing) => Verdict::Unknown,
        (Place::Page, Shown::Nothing) if facts.account => Verdict::LogIn,
        (Place::Page, Shown::Nothing) => Verdict::SetUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every combination against a table in prose: the first line that fits a row says what comes of it; `-` = whatever.
    const TABLE: &str = "
        host     place      method  origin   form  shown    account  verdict
        unclear  -          -       -        -     -        -        Unclear
        foreign  -          -       -        -     -        -        Elsewhere
        own      open       -       -        -     -        -        Open
        own      threshold  safe    -        -     -        -        Open
        own      threshold  unsafe  own      -     -        -        Open
        own      threshold  unsafe  -        -     -        -        CrossSite
        own      -          safe    -        -     session  -        Enter
        own      -          unsafe  own      said  session  -        Enter
        own      page       unsafe  own      unsaid session -        Former
        own      -          unsafe  -        -     session  -        CrossSite
        own      -          -       -        -     token    -        Enter
        own      -          safe    -        -     reader   -        Enter
        own      -          unsafe  -        -     reader   -        ReadOnly
        own      -          -       -        -     bad      -        Unknown
        own      api        -       -        -     nothing  -        Unknown
        own      page       -       -        -     nothing  yes      LogIn
        own      page       -       -        -     nothing  no       SetUp
    ";

    #[test]
    fn every_combination() {
        let hosts = [("own", None), ("unclear", Some(BadHost::Unclear)), ("foreign", Some(BadHost::Foreign))];
        let places =
            [("open", Place::Open), ("threshold", Place::Threshold), ("api", Place::Api), ("page", Place::Page)];
        let origins = [
            ("own", Origin::Own { tls: false }),
            ("own", Origin::Own { tls: true }),
            ("foreign", Origin::Foreign),
            ("unsaid", Origin::Unsaid),
        ];
        let shows = [
            ("nothing", Shown::Nothing),
            ("session", Shown::Session),
            ("token", Shown::Token { read_only: false }),
            ("reader", Shown::Token { read_only: true }),
            ("bad", Shown::BadToken),
        ];
        let rows: Vec<Vec<&str>> = TABLE
            .lines()
            .skip(2)
            .map(|line| line.split_whitespace().collect())
            .filter(|row: &Vec<_>| row.len() == 8)
            .collect();
        assert_eq!(rows.len(), 17);
        let (mut checked, mut used) = (0, vec![false; rows.len()]);
        for (host_word, host) in hosts {
            for (place_word, place) in places {
                for (safe_word, safe) in [("safe", true), ("unsafe", false)] {
                    for (origin_word, origin) in origins {
                        for (shown_word, shown) in shows {
                            for (form, account) in [(true, true), (true, false), (false, true), (false, false)] {
                                let form_word = if form { "said" } else { "unsaid" };
                                let account_word = if account { "yes" } else { "no" };
                                let words = [
                                    host_word,
                                    place_word,
                                    safe_word,
                                    origin_word,
                                    form_word,
                                    shown_word,
                                    account_word,
                                ];
                                let fits = |row: &Vec<&str>| {
                                    row.iter().zip(words).all(|(cell, word)| *cell == "-" || *cell == word)
                                };
                                let at = rows.iter().position(fits).unwrap_or_else(|| panic!("no row for {words:?}"));
                                used[at] = true;
                                let verdict = judge(Facts { host, place, safe, origin, form, shown, account });
                                assert_eq!(format!("{verdict:?}"), rows[at][7], "{words:?}");
                                checked += 1;
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(checked, 3 * 4 * 2 * 4 * 5 * 4);
        assert!(used.iter().all(|used| *used), "a row that says nothing: {used:?}");
    }

    #[test]
    fn places_are_told_by_the_whole_path() {
        for (path, place) in [
            ("/healthz", Place::Open),
            ("/metrics", Place::Open),
            ("/assets/style.css", Place::Open),
            ("/assets", Place::Page),
            ("/healthz/", Place::Page),
            ("/%68ealthz", Place::Page),
            ("//healthz", Place::Page),
            ("/metrics/../api/v1/phones", Place::Page),
            ("/login", Place::Threshold),
            ("/login/x", Place::Page),
            ("/api/v1/phones", Place::Api),
            ("/API/v1/phones", Place::Page),
            ("/", Place::Page),
            ("*", Place::Page),
            ("", Place::Page),
        ] {
            assert_eq!(Place::of(path, true), place, "{path}");
        }
        // What is open is there to be looked at.
        for path in ["/healthz", "/readyz", "/metrics", "/assets/style.css"] {
            assert_eq!(Place::of(path, false), Place::Page, "{path}");
        }
    }
}
