use super::super::Kept;
use super::*;

const DESK: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 6);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn mac(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr::new([0, 0x1b, a, b, c, d]).unwrap()
}

/// An assigned phone's file is asked for, and nothing is known of who asks.
fn asked(n: u32, ip: Ipv4Addr) -> Asked {
    Asked { mac: mac(n), ip, assigned: true, neighbour: None, link: Link::OnLink, registered: None }
}

fn ask(access: &mut Access, asked: &Asked, second: i64) -> Admission {
    access.ask(asked, at(second)).0
}

const FIRST: Admission = Admission::Granted(Ground::FirstContact);

/// Forty phones entered on Friday are plugged in on Monday, all at once, behind one router.
#[test]
fn forty_phones_on_monday() {
    let mut access = Access::default();
    let monday = 3 * 86_400;
    let ip = |n: u32| Ipv4Addr::from_bits(DESK.to_bits() + n);
    for n in 0..40 {
        for second in [0, 31, 62] {
            assert_eq!(ask(&mut access, &asked(n, ip(n)), monday + second), FIRST, "{n}");
        }
        access.registered(mac(n), ip(n), false, at(monday + 70));
    }
    for n in 0..40 {
        assert_eq!(ask(&mut access, &asked(n, ip(n)), monday + 86_400), Admission::Granted(Ground::Pin));
        assert_eq!(
            ask(&mut access, &asked(n, OTHER), monday + 86_400 + i64::from(n) * 61),
            match n {
                1 => Admission::Granted(Ground::Pin),
                _ => Admission::Denied(Why::Unproven),
            }
        );
    }
}

/// A file that was delivered is no success: the phone is flashed, and comes back from another address.
#[test]
fn a_reflash_may_change_the_address() {
    let mut access = Access::default();
    assert_eq!(ask(&mut access, &asked(1, DESK), 0), FIRST);
    access.registered(mac(1), DESK, true, at(60));
    // It waits its turn for hours.
    access.stepped(mac(1), Some(DESK), at(20_000));
    assert_eq!(ask(&mut access, &asked(1, OTHER), 20_300), FIRST);
    access.registered(mac(1), OTHER, false, at(20_360));
    assert_eq!(ask(&mut access, &asked(1, OTHER), 20_400), Admission::Granted(Ground::Pin));
    let third = Ipv4Addr::new(10, 1, 0, 7);
    assert_eq!(ask(&mut access, &asked(1, third), 20_500), Admission::Denied(Why::Unproven));
}

#[test]
fn a_second_address_shuts_the_window_until_somebody_approves_one() {
    let mut access = Access::default();
    assert_eq!(ask(&mut access, &asked(1, DESK), 0), FIRST);
    access.fetched(mac(1), DESK);
    assert_eq!(ask(&mut access, &asked(1, OTHER), 10), Admission::Denied(Why::Contested(DESK)));
    assert_eq!(ask(&mut access, &asked(1, DESK), 20), Admission::Denied(Why::Contested(DESK)));
    assert!(access.deny(mac(1), DESK, Why::Contested(DESK), at(20)));
    assert!(!access.deny(mac(1), DESK, Why::Contested(DESK), at(30)), "that is no news");
    assert_eq!(access.denied(mac(1), at(20)).unwrap().ip, DESK);
    access.page(OTHER, mac(1), at(30));
    assert_eq!(ask(&mut access, &asked(1, OTHER), 30), Admission::Denied(Why::Contested(DESK)), "a page is made up");
    access.known.leased(OTHER, mac(9), at(1_000));
    assert_eq!(access.approve(mac(1), OTHER, None, at(40)), Err(mac(9)));
    assert_eq!(access.approve(mac(1), DESK, Some(mac(9)), at(40)), Err(mac(9)));
    access.known.overheard(DESK, mac(9), false, at(30));
    assert_eq!(access.approve(mac(1), DESK, None, at(40)), Ok(()));
    assert_eq!(access.denied(mac(1), at(40)), None);
    assert_eq!(ask(&mut access, &asked(1, DESK), 50), Admission::Granted(Ground::Pin));
}

/// A phone that has our lease of another address is there: nobody elsewhere is its first contact.
#[test]
fn a_lease_elsewhere_is_no_first_contact() {
    let mut access = Access::default();
    access.known.leased(DESK, mac(1), at(100));
    assert_eq!(ask(&mut access, &asked(1, OTHER), 0), Admission::Denied(Why::Unproven));
    assert_eq!(ask(&mut access, &asked(1, DESK), 1), Admission::Granted(Ground::Seen));
    let ended = &mut Access::default();
    ended.known.leased(DESK, mac(1), at(100));
    assert_eq!(ask(ended, &asked(1, OTHER), 100), FIRST);
}

/// T26, and a device that has our hardware address by heart: nobody answers at the source, whatever speaks for it.
#[test]
fn a_source_that_does_not_answer_for_itself_is_not_served() {
    let mut access = Access::default();
    access.known.pin(DESK, mac(1), at(0));
    access.known.leased(DESK, mac(1), at(1_000));
    let silent = Asked { link: Link::Silent, ..asked(1, DESK) };
    assert_eq!(ask(&mut access, &silent, 1), Admission::Denied(Why::Silent));
    for n in 0..100 {
        let name = Asked { mac: mac(n), ip: OTHER, ..silent };
        assert_eq!(access.ask(&name, at(1)), (Admission::Denied(Why::Silent), None), "nobody is muted for it");
    }
    assert_eq!(ask(&mut access, &asked(1, DESK), 2), Admission::Granted(Ground::Seen));
    assert!(access.strange(&silent, Admission::Denied(Why::Silent)));
    access.set(config::Access { policy: Policy::Open, ..config::Access::default() });
    assert_eq!(ask(&mut access, &silent, 3), Admission::Granted(Ground::Seen));
}

/// Who was shown to be there needs no window, and leaves none open for others.
#[test]
fn what_was_proven_once_is_no_first_contact() {
    let mut access = Access::default();
    let on_link = Asked { neighbour: Some(mac(1)), ..asked(1, DESK) };
    assert_eq!(ask(&mut access, &on_link, 0), Admission::Granted(Ground::Seen));
    assert_eq!(ask(&mut access, &asked(1, OTHER), 10), Admission::Denied(Why::Contested(DESK)));
    assert_eq!(ask(&mut access, &on_link, 20), Admission::Granted(Ground::Seen), "and does not suffer from others");
    assert_eq!(ask(&mut access, &asked(1, DESK), 30), Admission::Granted(Ground::Pin), "its neighbour's entry is gone");
}

/// T2: a PC beside the phone asks for the phone's file; by each kind of evidence, and whatever was there before.
#[test]
fn t2_contradiction_denies() {
    let pc = mac(9);
    for evidence in 0..3 {
        for policy in [Policy::OwnMac, Policy::Network] {
            let mut access = Access::default();
            access.set(config::Access { policy, ..config::Access::default() });
            access.known.pin(DESK, mac(1), at(0));
            let mut asks = asked(1, DESK);
            match evidence {
                0 => access.known.leased(DESK, pc, at(1_000)),
                1 => access.known.overheard(DESK, pc, false, at(0)),
                _ => asks.neighbour = Some(pc),
            }
            let denied = Admission::Denied(Why::Foreign(Some(pc)));
            assert_eq!(ask(&mut access, &asks, 1), denied, "{evidence} {policy:?}");
            assert_eq!(access.known.pinned(DESK, mac(1)), None, "what was pinned there is over");
            let registered = Asked { registered: Some(true), ..asks };
            assert_eq!(ask(&mut access, &registered, 2), denied);
        }
    }
    let mut access = Access::default();
    access.set(config::Access { policy: Policy::Open, ..config::Access::default() });
    let asks = Asked { neighbour: Some(pc), ..asked(1, DESK) };
    assert_eq!(ask(&mut access, &asks, 1), Admission::Granted(Ground::Policy));
    assert_eq!(access.told(&asks, at(1)), format!("neighbour:{pc}"));
}

/// T1 in small: a source that tries names is not answered any more, but for what is its own.
#[test]
fn t1_a_walker_is_muted_and_the_phone_is_not() {
    let mut access = Access::default();
    access.registered(mac(1), DESK, false, at(0));
    let mut alarms = Vec::new();
    let mut said = Vec::new();
    for n in 100..200 {
        let (admission, alarm) = access.ask(&Asked { assigned: false, ..asked(n, OTHER) }, at(1));
        alarms.extend(alarm);
        said.push(admission);
    }
    assert_eq!(alarms, [Alarm::Source(OTHER)]);
    assert_eq!(said.iter().filter(|said| **said != Admission::Muted).count(), 5);
    assert_eq!(ask(&mut access, &asked(1, OTHER), 2), Admission::Muted);
    assert_eq!(ask(&mut access, &asked(2, OTHER), 2), Admission::Muted, "no first contact either");
    let foreign = Asked { neighbour: Some(mac(9)), ..asked(1, OTHER) };
    assert_eq!(ask(&mut access, &foreign, 2), Admission::Muted, "nor a word for another device");
    let own = Asked { neighbour: Some(mac(2)), ..asked(2, OTHER) };
    assert_eq!(ask(&mut access, &own, 2), Admission::Granted(Ground::Seen));
    assert_eq!(ask(&mut access, &asked(1, DESK), 2), Admission::Granted(Ground::Pin));
    assert_eq!(ask(&mut access, &asked(1, OTHER), 602), Admission::Denied(Why::Unproven), "ten minutes are over");
}

/// Twenty names from many addresses: who is new in that network waits, who is known does not.
#[test]
fn a_crowd_that_walks_shuts_first_contact() {
    let mut access = Access::default();
    assert_eq!(ask(&mut access, &asked(1, DESK), 0), FIRST);
    for n in 0..20 {
        let ip = Ipv4Addr::from_bits(DESK.to_bits() + 50 + n);
        access.ask(&Asked { assigned: false, ..asked(100 + n, ip) }, at(1));
    }
    assert_eq!(ask(&mut access, &asked(1, DESK), 2), Admission::Denied(Why::Shut));
    assert_eq!(ask(&mut access, &asked(2, Ipv4Addr::new(10, 2, 0, 5)), 2), FIRST);
    assert_eq!(ask(&mut access, &asked(1, DESK), 601), FIRST, "its window did not end for that");
}

/// The policies that ask for less alarm, and mute nobody.
#[test]
fn who_is_served_all_is_not_muted() {
    for (policy, alarms) in [(Policy::Network, 1), (Policy::Open, 0)] {
        let mut access = Access::default();
        access.set(config::Access { policy, ..config::Access::default() });
        let strangers = (100..200).map(|n| Asked { assigned: false, ..asked(n, OTHER) });
        let heard = strangers.filter_map(|asked| access.ask(&asked, at(1)).1).count();
        assert_eq!(heard, alarms, "{policy:?}");
        for n in 0..100 {
            assert_eq!(ask(&mut access, &asked(n, OTHER), 2), Admission::Granted(Ground::Policy));
        }
        assert!(access.first.is_empty(), "no window opens where none is needed");
    }
}

/// A page at the asker's own port 80 is easily made up: it says nothing where the phone is known to be elsewhere.
#[test]
fn a_page_speaks_for_a_phone_that_is_nowhere_else() {
    let mut access = Access::default();
    access.registered(mac(1), DESK, false, at(0));
    access.page(OTHER, mac(1), at(10));
    let elsewhere = Asked { registered: Some(false), ..asked(1, OTHER) };
    assert_eq!(ask(&mut access, &elsewhere, 20), Admission::Denied(Why::Unproven));
    assert_eq!(ask(&mut access, &asked(1, OTHER), 20), Admission::Granted(Ground::Contact));
}

/// T26: names without end, from addresses without end.
#[test]
fn t26_strangers_leave_nothing_behind() {
    let mut access = Access::default();
    for n in 0..100_000_u32 {
        let ip = Ipv4Addr::from_bits(0x0a00_0000 + n % 65_536);
        access.ask(&Asked { assigned: false, ..asked(n, ip) }, at(i64::from(n) / 100));
        access.known.overheard(ip, mac(n), false, at(0));
    }
    assert!(access.first.is_empty() && access.denied.is_empty());
    assert_eq!(access.to_keep(), None, "nothing of strangers is written");
}

#[test]
fn a_restart_forgets_nothing_of_phones() {
    let mut access = Access::default();
    access.registered(mac(1), DESK, false, at(0));
    access.ask(&asked(2, OTHER), at(0));
    access.known.overheard(OTHER, mac(3), true, at(0));
    let keep = access.to_keep().unwrap();
    assert_eq!(access.to_keep(), None);
    access.not_kept(&keep);
    assert_eq!(access.to_keep(), Some(keep.clone()));
    let kept = Kept {
        pins: keep.pins.iter().filter_map(|(ip, mac, at)| Some((*ip, *mac, (*at)?))).collect(),
        overheard: keep.overheard.iter().filter_map(|(ip, heard)| heard.map(|(mac, at)| (*ip, mac, at))).collect(),
        first: keep.first.iter().filter_map(|(mac, first)| Some((*mac, (*first)?))).collect(),
    };
    let mut access = Access::default();
    access.recall(kept.clone(), at(100));
    assert_eq!(ask(&mut access, &asked(1, DESK), 100), Admission::Granted(Ground::Pin));
    assert_eq!(ask(&mut access, &asked(1, Ipv4Addr::new(10, 1, 9, 9)), 100), Admission::Denied(Why::Unproven));
    assert_eq!(ask(&mut access, &asked(2, OTHER), 100), Admission::Denied(Why::Foreign(Some(mac(3)))));
    access.forget(mac(1));
    let keep = access.to_keep().unwrap();
    assert!(keep.pins.contains(&(DESK, mac(1), None)) && keep.first.contains(&(mac(1), None)));
    assert_eq!(ask(&mut access, &asked(1, DESK), 101), FIRST, "another phone may have its MAC's row now");
    let mut late = Access::default();
    late.recall(kept, at(31 * 86_400));
    assert_eq!(late.known.pinned(DESK, mac(1)), None);
}
