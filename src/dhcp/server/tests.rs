//! Catalogue B of the bad inputs, and the life of a lease. Packets are written and answers read octet by octet here.

use std::time::Duration;

use super::*;
use crate::dhcp::lease::LeaseState;
use crate::domain::ModelName;

const PHONE: &[u8] = b"Cisco Systems, Inc. IP Phone CP-7960G\0";
const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const RELAY_IP: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, last)
}

fn mac(n: u8) -> [u8; 6] {
    [0x00, 0x1b, 0x54, 0xce, 0x00, n]
}

fn subnet(network: &str, first: Ipv4Addr, last: Ipv4Addr) -> Subnet {
    Subnet {
        network: network.parse().unwrap(),
        pool: first..=last,
        router: Some({
            let [a, b, c, _] = first.octets();
            [a, b, c, 254].into()
        }),
        dns: vec![[192, 0, 2, 53].into()],
        domain: Some("phones.example".to_owned()),
        lease: Duration::from_hours(1),
        clients: None,
        others: 10,
        relays: Vec::new(),
    }
}

fn settings(clients: Clients) -> Settings {
    Settings {
        clients,
        subnets: vec![
            subnet("192.0.2.0/24", ip(100), ip(109)),
            subnet("198.51.100.0/24", [198, 51, 100, 100].into(), [198, 51, 100, 109].into()),
        ],
        reservations: BTreeMap::from([(MacAddr::new(mac(77)).unwrap(), ip(105))]),
        tftp: None,
        ntp: Some(OWN),
        ntp_here: false,
        trusted_circuit: false,
        zone: Some(Zone {
            zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(1)),
            posix: "CET-1".to_owned(),
            name: "Europe/Berlin".to_owned(),
        }),
    }
}

fn server() -> Server {
    Server::new(settings(Clients::Phones), &[OWN], Vec::new(), at(0))
}

fn link() -> Link {
    Link { name: "eth1".to_owned(), index: 2, addresses: vec!["192.0.2.1/24".parse().unwrap()] }
}

/// A packet that a phone broadcasts; to be changed before it is sent.
#[derive(Clone)]
struct Packet {
    fixed: [u8; 240],
    options: Vec<(u8, Vec<u8>)>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

impl Packet {
    fn new(kind: u8, of: u8) -> Self {
        let mut fixed = [0; 240];
        fixed[..4].copy_from_slice(&[1, 1, 6, 0]);
        fixed[4..8].copy_from_slice(&[1, 2, 3, of]);
        fixed[10] = 0x80;
        fixed[28..34].copy_from_slice(&mac(of));
        fixed[236..].copy_from_slice(&[99, 130, 83, 99]);
        let options = vec![(53, vec![kind]), (60, PHONE.to_vec()), (55, vec![1, 66, 6, 3, 15, 150, 35, 151])];
        Self { fixed, options, source: Ipv4Addr::UNSPECIFIED, destination: Ipv4Addr::BROADCAST }
    }

    fn field(mut self, at: usize, octets: &[u8]) -> Self {
        self.fixed[at..at + octets.len()].copy_from_slice(octets);
        self
    }

    fn with(mut self, code: u8, value: &[u8]) -> Self {
        self.options.retain(|(had, _)| *had != code);
        self.options.push((code, value.to_vec()));
        self
    }

    fn without(mut self, code: u8) -> Self {
        self.options.retain(|(had, _)| *had != code);
        self
    }

    /// By the relay on 198.51.100.0/24.
    fn relayed(self) -> Self {
        let mut relayed = self.field(24, &RELAY_IP.octets());
        (relayed.source, relayed.destination) = (RELAY_IP, OWN);
        relayed
    }

    /// From an address that its sender has.
    fn unicast(self, from: Ipv4Addr) -> Self {
        let mut unicast = self.field(12, &from.octets());
        (unicast.source, unicast.destination) = (from, OWN);
        unicast
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.fixed.to_vec();
        for (code, value) in &self.options {
            for part in value.chunks(255) {
                bytes.extend([*code, u8::try_from(part.len()).unwrap()]);
                bytes.extend(part);
            }
            if value.is_empty() {
                bytes.extend([*code, 0]);
            }
        }
        bytes.push(255);
        bytes
    }

    fn to(&self, server: &mut Server, second: i64) -> Outcome {
        self.on(&link(), server, second)
    }

    fn on(&self, link: &Link, server: &mut Server, second: i64) -> Outcome {
        let arrival = Arrival { link, source: SocketAddrV4::new(self.source, 68), destination: self.destination };
        server.receive(&self.bytes(), &arrival, |mac| mac.octets()[5] >= 70, at(second))
    }
}

/// What an answer says.
struct Answer {
    kind: u8,
    yiaddr: Ipv4Addr,
    bytes: Vec<u8>,
    to: SocketAddrV4,
    codes: Vec<u8>,
}

impl Answer {
    fn option(&self, code: u8) -> Option<&[u8]> {
        let mut rest = &self.bytes[240..];
        while rest[0] != 255 {
            let (had, length) = (rest[0], usize::from(rest[1]));
            if had == code {
                return Some(&rest[2..2 + length]);
            }
            rest = &rest[2 + length..];
        }
        None
    }
}

fn read(reply: &Reply) -> Answer {
    let bytes = reply.bytes.clone();
    let (mut codes, mut rest) = (Vec::new(), &bytes[240..]);
    assert!(bytes.len() >= 300 && bytes[0] == 2 && bytes[236..240] == [99, 130, 83, 99]);
    while rest[0] != 255 {
        codes.push(rest[0]);
        rest = &rest[2 + usize::from(rest[1])..];
    }
    let mut answer = Answer {
        kind: 0,
        yiaddr: Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[16..20]).unwrap()),
        bytes,
        to: reply.to,
        codes,
    };
    answer.kind = answer.option(53).unwrap()[0];
    answer
}

/// The answer, as if what was to be written was.
fn answer(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Send(reply) | Outcome::Refuse { reply, .. } | Outcome::Offer { reply, .. } => read(reply),
        Outcome::Commit(commit) => read(commit.reply.as_ref().expect("an answer")),
        Outcome::Drop(_) | Outcome::Overheard { .. } => panic!("no answer: {outcome:?}"),
    }
}

fn dropped(outcome: &Outcome) -> Dropped {
    match outcome {
        Outcome::Drop(why) => *why,
        other => panic!("not dropped: {other:?}"),
    }
}

fn select(of: u8, address: Ipv4Addr) -> Packet {
    Packet::new(3, of).with(54, &OWN.octets()).with(50, &address.octets())
}

/// A phone gets its address.
fn bind(server: &mut Server, of: u8, second: i64) -> Ipv4Addr {
    let offer = answer(&Packet::new(1, of).to(server, second));
    let outcome = select(of, offer.yiaddr).to(server, second);
    let ack = answer(&outcome);
    assert_eq!((offer.kind, ack.kind, ack.yiaddr), (2, 5, offer.yiaddr));
    written(server, outcome);
    ack.yiaddr
}

#[test]
fn a_phone_gets_an_address_and_where_its_files_are() {
    let mut server = server();
    let offered = Packet::new(1, 1).to(&mut server, 0);
    assert!(matches!(offered, Outcome::Offer { new: true, .. }), "{offered:?}");
    let offer = answer(&offered);
    assert_eq!((offer.kind, offer.yiaddr, offer.to), (2, ip(100), "255.255.255.255:68".parse().unwrap()));
    assert_eq!(
        (&offer.bytes[4..8], &offer.bytes[20..24], offer.bytes[10]),
        (&[1, 2, 3, 1][..], &OWN.octets()[..], 0x80)
    );
    assert_eq!(offer.codes.first(), Some(&53));
    let text = |code: u8| String::from_utf8(offer.option(code).unwrap().to_vec()).unwrap();
    assert_eq!((offer.option(150), text(66).as_str()), (Some(&OWN.octets()[..]), "192.0.2.1"));
    assert_eq!((offer.option(54), offer.option(1)), (Some(&OWN.octets()[..]), Some(&[255, 255, 255, 0][..])));
    assert_eq!((offer.option(3), offer.option(6)), (Some(&[192, 0, 2, 254][..]), Some(&[192, 0, 2, 53][..])));
    assert_eq!(text(15), "phones.example");
    let seconds = |code: u8| u32::from_be_bytes(offer.option(code).unwrap().try_into().unwrap());
    assert_eq!((seconds(51), seconds(58), seconds(59)), (3_600, 1_800, 3_150));
    // It did not ask for these.
    assert_eq!([42, 2, 100, 101, 12].map(|code| offer.option(code)), [None; 5]);

    let outcome = select(1, ip(100)).with(55, &[42, 2, 100, 101]).to(&mut server, 1);
    let Outcome::Commit(commit) = &outcome else { panic!("written first: {outcome:?}") };
    assert_eq!((commit.lease.ip, commit.lease.mac.octets(), commit.lease.ends), (ip(100), mac(1), at(3_601)));
    assert_eq!((&commit.lease.model, commit.taken), (&Some(ModelName::new("7960")), true));
    let ack = answer(&outcome);
    assert_eq!(
        (ack.kind, ack.option(42), ack.option(2)),
        (5, Some(&OWN.octets()[..]), Some(&3_600_i32.to_be_bytes()[..]))
    );
    assert_eq!((ack.option(100), ack.option(101)), (Some(&b"CET-1"[..]), Some(&b"Europe/Berlin"[..])));
    // B14, B15: whatever it asks for, these it gets.
    for asked in [vec![], vec![3; 255], vec![0, 255, 1]] {
        let answer = answer(&Packet::new(1, 2).with(55, &asked).to(&mut server, 2));
        assert!(answer.option(150).is_some() && answer.option(66).is_some(), "{asked:?}");
    }
}

#[test]
fn renews_rebinds_releases_and_gets_the_same_again() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    let renewed = Packet::new(3, 1).unicast(address).to(&mut server, 1_800);
    let renewal = answer(&renewed);
    assert_eq!((renewal.kind, renewal.yiaddr, renewal.to), (5, address, SocketAddrV4::new(address, 68)));
    let Outcome::Commit(commit) = renewed else { panic!() };
    assert_eq!((commit.lease.ends, commit.taken), (at(5_400), false));
    // REBINDING: to everybody.
    let mut rebind = Packet::new(3, 1).field(12, &address.octets());
    rebind.source = address;
    let rebound = rebind.to(&mut server, 5_000);
    assert_eq!(answer(&rebound).kind, 5);
    // INIT-REBOOT: it boots.
    let rebooted = Packet::new(3, 1).with(50, &address.octets()).to(&mut server, 5_000);
    assert_eq!(answer(&rebooted).kind, 5);
    let taken = |outcome: &Outcome| matches!(outcome, Outcome::Commit(commit) if commit.taken);
    assert_eq!((taken(&rebound), taken(&rebooted)), (false, true));
    assert!(server.again(|_| true).iter().all(|commit| !commit.taken), "what is written once more");
    // B36: another says that it has that address.
    assert_eq!(dropped(&Packet::new(3, 2).unicast(address).to(&mut server, 5_001)), Dropped::Unknown);
    // B37
    assert_eq!(dropped(&Packet::new(7, 2).unicast(address).to(&mut server, 5_002)), Dropped::Unknown);
    let from_elsewhere = Packet { source: ip(9), ..Packet::new(7, 1).unicast(address) };
    assert_eq!(dropped(&from_elsewhere.to(&mut server, 5_003)), Dropped::NotOurs);
    let Outcome::Commit(released) = Packet::new(7, 1).without(60).unicast(address).to(&mut server, 5_004) else {
        panic!()
    };
    assert_eq!((released.lease.state, &released.reply), (LeaseState::Released, &None));
    assert_ne!(bind(&mut server, 2, 5_005), address, "the others first");
    assert_eq!(bind(&mut server, 1, 5_006), address, "and it again");
}

#[test]
fn b7_b8_b18_what_no_client_sends() {
    let mut server = server();
    for kind in [2, 5, 6, 8] {
        let outcome = Packet::new(kind, 1).to(&mut server, 0);
        assert_eq!(dropped(&outcome), Dropped::Unknown, "{kind}");
    }
    let reply = Packet::new(1, 1).field(0, &[2]).to(&mut server, 0);
    assert_eq!(dropped(&reply), Dropped::Malformed(Refused::Op), "B8");
    let circuit = Packet::new(1, 1).with(82, &[1, 2, 7, 7]);
    assert_eq!(dropped(&circuit.to(&mut server, 0)), Dropped::NotOurs, "B18");
    assert_eq!(server.notices(), [Notice::Circuit("eth1".to_owned())]);
    let trusting = Settings { trusted_circuit: true, ..settings(Clients::Phones) };
    let mut trusting = Server::new(trusting, &[OWN], Vec::new(), at(0));
    let offer = answer(&circuit.to(&mut trusting, 0));
    assert_eq!((offer.kind, offer.option(82), offer.codes.last()), (2, Some(&[1, 2, 7, 7][..]), Some(&82)));
    assert_eq!(dropped(&Packet::new(1, 1).with(61, &[9; 255]).to(&mut server, 0)), Dropped::Malformed(Refused::Option));
    for id in [&[][..], &[1]] {
        assert_eq!(answer(&Packet::new(1, 3).with(61, id).to(&mut server, 0)).kind, 2, "B19");
    }
    assert_eq!(answer(&Packet::new(1, 4).field(8, &[0xff, 0xff, 0x7f, 0xff]).to(&mut server, 0)).kind, 2, "B39");
}

/// T12, B42: in mode `phones` nobody else is answered.
#[test]
fn a_computer_is_left_alone() {
    let mut server = server();
    for class in
        [&b"MSFT 5.0"[..], b"PXEClient:Arch:00000:UNDI:002001", b"", b"Cisco Systems, Inc. IP Phone CP-8851-3PCC\0"]
    {
        for kind in [1, 3, 8] {
            let asked = Packet::new(kind, 1).with(60, class).with(50, &ip(100).octets());
            assert_eq!(dropped(&asked.to(&mut server, 0)), Dropped::NotAPhone, "{}", String::from_utf8_lossy(class));
        }
    }
    assert_eq!(dropped(&Packet::new(1, 1).without(60).to(&mut server, 0)), Dropped::NotAPhone);
    assert_eq!(answer(&Packet::new(1, 70).without(60).to(&mut server, 0)).kind, 2, "its MAC is assigned");
    // A subnet may be for everybody.
    let mut open = settings(Clients::Phones);
    open.subnets[0].clients = Some(Clients::All);
    let mut server = Server::new(open, &[OWN], Vec::new(), at(0));
    let offer = answer(&Packet::new(1, 1).without(60).with(55, &[1, 3, 6]).to(&mut server, 0));
    assert_eq!((offer.kind, offer.option(150), offer.option(66), &offer.bytes[20..24]), (2, None, None, &[0; 4][..]));
}

#[test]
fn b25_b26_sizes_and_times() {
    let mut server = server();
    let long = vec![b'x'; 253];
    for size in [0_u16, 67, 575, 576, 65_535] {
        let outcome = Packet::new(1, 1).with(57, &size.to_be_bytes()).with(82, &[&[1, 253][..], &long].concat());
        let offer = answer(&outcome.relayed().to(&mut server, i64::from(size)));
        assert!(offer.bytes.len() <= usize::from(size.clamp(576, 1_500)) - 28, "B25: {size}");
        // B17: as it came, and last.
        assert_eq!((offer.codes.last(), offer.option(82).map(<[u8]>::len)), (Some(&82), Some(255)), "{size}");
        assert!(offer.option(150).is_some() && offer.option(54).is_some(), "{size}");
    }
    for (wish, given) in [(0, 300), (1, 300), (600, 600), (u32::MAX, 3_600)] {
        let offer = answer(&Packet::new(1, 2).with(51, &wish.to_be_bytes()).to(&mut server, i64::from(wish % 997) * 9));
        assert_eq!(offer.option(51), Some(&u32::to_be_bytes(given)[..]), "B26: {wish}");
    }
}

#[test]
fn b27_addresses_that_nobody_can_have() {
    let mut server = server();
    for (step, wish) in
        [[0; 4], [255; 4], OWN.octets(), ip(254).octets(), [127, 0, 0, 1], ip(105).octets()].into_iter().enumerate()
    {
        let of = 10 + u8::try_from(step).unwrap();
        let offer = answer(&Packet::new(1, of).with(50, &wish).to(&mut server, 0));
        assert!((100..=109).contains(&offer.yiaddr.octets()[3]) && offer.yiaddr.octets() != wish, "{wish:?}");
        assert_eq!(answer(&select(of, wish.into()).to(&mut server, 0)).kind, 6, "{wish:?}");
        assert_eq!(dropped(&select(of, wish.into()).to(&mut server, 1)), Dropped::TooOften, "T14");
    }
    // One that is free it gets; the reserved one only its owner.
    assert_eq!(answer(&Packet::new(1, 1).with(50, &ip(109).octets()).to(&mut server, 9)).yiaddr, ip(109));
    assert_eq!(bind(&mut server, 77, 9), ip(105));
}

#[test]
fn b28_b29_relays() {
    let mut server = server();
    let offer = answer(&Packet::new(1, 1).relayed().to(&mut server, 0));
    assert_eq!((offer.yiaddr, offer.to), ([198, 51, 100, 100].into(), SocketAddrV4::new(RELAY_IP, 67)));
    assert_eq!((&offer.bytes[24..28], offer.option(54)), (&RELAY_IP.octets()[..], Some(&OWN.octets()[..])));
    assert_eq!(offer.option(3), Some(&[198, 51, 100, 254][..]));
    let by = |giaddr: [u8; 4], source: [u8; 4]| Packet {
        source: source.into(),
        ..Packet::new(1, 2).relayed().field(24, &giaddr)
    };
    for (giaddr, source, what) in [
        ([172, 31, 9, 1], [172, 31, 9, 1], "unknown"),
        ([172, 31, 9, 1], [10, 9, 0, 2], "T15"),
        ([192, 0, 2, 1], [192, 0, 2, 1], "our own"),
        ([224, 0, 0, 1], [224, 0, 0, 1], "a group"),
        ([198, 51, 100, 255], [198, 51, 100, 255], "a broadcast"),
        ([198, 51, 100, 1], [198, 51, 100, 9], "B29"),
    ] {
        assert_eq!(dropped(&by(giaddr, source).to(&mut server, 1)), Dropped::NotOurs, "{what}");
    }
    let mut told = settings(Clients::Phones);
    told.subnets[1].relays = vec![[10, 0, 0, 9].into()];
    let mut server = Server::new(told, &[OWN], Vec::new(), at(0));
    assert_eq!(
        answer(&by([198, 51, 100, 1], [10, 0, 0, 9]).to(&mut server, 2)).kind,
        2,
        "a relay that we were told of"
    );
    // Sent to us alone by one who has no address.
    let alone = Packet { destination: OWN, ..Packet::new(1, 1) };
    assert_eq!(dropped(&alone.to(&mut server, 3)), Dropped::NotOurs);
    let own = Packet { source: OWN, ..Packet::new(1, 1) };
    assert_eq!(dropped(&own.to(&mut server, 3)), Dropped::NotOurs, "this host's own question");
    // B30
    assert_eq!(dropped(&Packet::new(3, 1).unicast([203, 0, 113, 9].into()).to(&mut server, 3)), Dropped::NotOurs);
}

#[test]
fn b31_another_server_is_chosen() {
    let mut server = server();
    let offered = answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr;
    let other = Packet::new(3, 1).with(54, &[192, 0, 2, 250]).with(50, &[192, 0, 2, 33]);
    let heard = Outcome::Overheard { ip: ip(33), mac: MacAddr::new(mac(1)).unwrap(), server: ip(250) };
    assert_eq!(other.to(&mut server, 0), heard);
    assert_eq!(other.clone().without(60).to(&mut server, 0), heard, "a computer, too");
    // In anybody's name, from anywhere: nothing is believed.
    for forged in [other.clone().unicast(ip(33)), other.clone().relayed(), other.clone().with(50, &[203, 0, 113, 9])] {
        assert!(matches!(forged.to(&mut server, 9), Outcome::Drop(_)));
    }
    assert_eq!(
        dropped(&Packet::new(3, 71).unicast(ip(109)).to(&mut server, 9)),
        Dropped::Unknown,
        "a renewal of nothing"
    );
    assert_eq!(server.leases().at(ip(109)), None);
    assert_eq!(answer(&Packet::new(1, 2).to(&mut server, 1)).yiaddr, offered, "it is free again");
}

#[test]
fn b32_b33_b34_an_address_of_before() {
    let mut server = server();
    let before = |of: u8, address: Ipv4Addr| Packet::new(3, of).with(50, &address.octets());
    // The boot loader's: nobody remembers, and it is free.
    assert_eq!(answer(&before(1, ip(103)).to(&mut server, 0)).kind, 5);
    assert_eq!(answer(&before(2, ip(103)).to(&mut server, 0)).kind, 6, "it is another's");
    let foreign = answer(&before(3, [10, 0, 0, 7].into()).to(&mut server, 0));
    assert_eq!(
        (foreign.kind, foreign.yiaddr, foreign.option(54)),
        (6, Ipv4Addr::UNSPECIFIED, Some(&OWN.octets()[..])),
        "B32"
    );
    assert_eq!(foreign.codes, [53, 54]);
    // Right network, not ours to give: somebody else may know it.
    assert_eq!(dropped(&before(4, ip(50)).to(&mut server, 0)), Dropped::Unknown, "B33");
    // Whoever is no phone gets what we know it has, and nothing else.
    let mut all = Server::new(settings(Clients::All), &[OWN], Vec::new(), at(0));
    assert_eq!(dropped(&before(5, ip(50)).without(60).to(&mut all, 0)), Dropped::Unknown);
    assert_eq!(dropped(&Packet::new(3, 1).to(&mut server, 9)), Dropped::Unknown, "B34");
    // By a relay, refused by broadcast.
    let by_relay = answer(&before(6, ip(50)).relayed().field(10, &[0, 0]).to(&mut server, 9));
    assert_eq!((by_relay.kind, by_relay.bytes[10], by_relay.to), (6, 0x80, SocketAddrV4::new(RELAY_IP, 67)));
}

#[test]
fn b35_b38_anothers_address_and_nobody_s() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    assert_eq!(answer(&select(2, address).to(&mut server, 0)).kind, 6, "B35");
    let offered = answer(&Packet::new(1, 3).to(&mut server, 0)).yiaddr;
    assert_eq!(answer(&select(4, offered).to(&mut server, 0)).kind, 6, "it is being offered to another");
    let inform = answer(&Packet::new(8, 5).unicast(ip(9)).to(&mut server, 0));
    assert_eq!(
        (inform.kind, inform.yiaddr, inform.option(51), inform.option(58)),
        (5, Ipv4Addr::UNSPECIFIED, None, None)
    );
    assert_eq!((inform.option(150), inform.to), (Some(&OWN.octets()[..]), SocketAddrV4::new(ip(9), 68)));
}

#[test]
fn b20_b21_names_and_pretenders() {
    let mut server = server();
    let id = [&[1][..], &mac(80)].concat();
    assert_eq!(answer(&Packet::new(1, 1).with(61, &id).to(&mut server, 0)).kind, 2);
    let [one, other] = [1, 80].map(|of| MacAddr::new(mac(of)).unwrap());
    assert_eq!(server.notices(), [Notice::Pretends(one, other)]);
    let Outcome::Commit(commit) = select(1, ip(100)).with(12, b"<b>\x1b[2J\n\0\"").to(&mut server, 0) else { panic!() };
    assert_eq!(commit.lease.hostname.as_deref(), Some("<b>\\x1b[2J\\x0a\\x00\""));
    assert_eq!(read(commit.reply.as_ref().unwrap()).option(12), None);
    let Outcome::Commit(commit) = select(1, ip(100)).with(12, &[0xff; 255]).to(&mut server, 1) else { panic!() };
    assert_eq!(commit.lease.hostname, Some("\\xff".repeat(63)));
}

#[test]
fn b40_the_same_again_and_again() {
    let mut server = server();
    let answered = (0..500).filter(|_| matches!(Packet::new(1, 1).to(&mut server, 0), Outcome::Offer { .. })).count();
    assert_eq!(answered, 6);
    assert_eq!(server.leases().usage(&server.settings.subnets[0]).used, 1, "one address, however often it asks");
    let known = (0..500).filter(|_| matches!(Packet::new(1, 71).to(&mut server, 0), Outcome::Offer { .. })).count();
    assert_eq!(known, 500);
}

/// F31: somebody sits there, or says so.
#[test]
fn f31_addresses_that_somebody_has() {
    let mut server = server();
    let offered = answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr;
    let squatter = MacAddr::new([2, 0, 0, 0, 0, 1]).unwrap();
    let commit = server.taken(offered, Answerer::Host(squatter), squatter, at(0)).unwrap();
    assert_eq!((commit.lease.state, commit.lease.ends), (LeaseState::Declined, at(86_400)));
    let next = answer(&Packet::new(1, 1).to(&mut server, 1)).yiaddr;
    assert_ne!(next, offered);
    assert_eq!(server.notices(), [Notice::Taken(offered, squatter)]);
    assert_eq!(answer(&select(1, next).to(&mut server, 1)).kind, 5);
    // B37: who has no lease declines none.
    assert_eq!(dropped(&Packet::new(4, 2).with(50, &next.octets()).to(&mut server, 1)), Dropped::Unknown);
    let decline = Packet::new(4, 1).with(50, &next.octets()).to(&mut server, 2);
    assert!(
        matches!(decline, Outcome::Commit(commit) if commit.lease.state == LeaseState::Declined && commit.reply.is_none())
    );
    // Ten addresses, one of them reserved: two may be kept from everybody, and a thousand more words change nothing.
    for second in (10..5_000).step_by(5) {
        let offered = answer(&Packet::new(1, 3).to(&mut server, second)).yiaddr;
        let _ = Packet::new(4, 3).with(50, &offered.octets()).to(&mut server, second);
    }
    let kept_away = |lease: &&Lease| lease.state == LeaseState::Declined && lease.ends > at(5_001);
    let declined = server.leases().all().filter(kept_away).count();
    assert_eq!(declined, 2);
    assert_eq!(answer(&Packet::new(1, 4).to(&mut server, 5_001)).kind, 2);
    assert_eq!(server.taken(offered, Answerer::Host(squatter), squatter, at(5_001)), None, "its day is not over");
}

/// A lease that ended by a clock that was wrong, or while we were away; its phone is there still.
#[test]
fn f31_who_is_found_where_he_was_keeps_his_address() {
    let mut server = server();
    let had = bind(&mut server, 1, 0);
    let owner = server.leases().at(had).unwrap().mac;
    let commit = server.taken(had, Answerer::Host(owner), owner, at(4_000)).unwrap();
    assert_eq!(
        (commit.lease.ip, commit.lease.state, commit.lease.ends, commit.left),
        (had, LeaseState::Bound, at(7_600), None)
    );
    assert_eq!(server.notices(), []);
    assert_ne!(answer(&Packet::new(1, 2).with(50, &had.octets()).to(&mut server, 4_001)).yiaddr, had);
    assert_eq!(answer(&Packet::new(3, 1).unicast(had).to(&mut server, 4_002)).kind, 5);
    // Another who sits there has nothing to keep.
    let other = server.taken(had, Answerer::Host(MacAddr::new([2, 0, 0, 0, 0, 1]).unwrap()), owner, at(9_000)).unwrap();
    assert_eq!(other.lease.state, LeaseState::Declined);
}

/// F32: nobody loses his address; who comes too late is told nothing, and people are.
#[test]
fn f32_eleven_clients_on_a_pool_of_nine() {
    let mut server = server();
    for of in 1..=9 {
        bind(&mut server, of, 0);
    }
    assert_eq!(dropped(&Packet::new(1, 10).to(&mut server, 1)), Dropped::PoolFull);
    let network = server.settings.subnets[0].network;
    assert_eq!(server.notices(), [80, 100].map(|percent| Notice::Filling(network, percent)));
    // All but the first renew, and its address is the next one's.
    for of in 2..=9 {
        assert_eq!(
            answer(&Packet::new(3, of).unicast(ip(99 + of + u8::from(of >= 6))).to(&mut server, 3_000)).kind,
            5,
            "{of}"
        );
    }
    assert_eq!(bind(&mut server, 10, 3_600), ip(100));
    assert_eq!(dropped(&Packet::new(1, 1).to(&mut server, 3_600)), Dropped::PoolFull);
}

/// T11: random addresses that say nothing of themselves, while phones go on.
#[test]
fn t11_a_flood_of_strangers() {
    let mut flooded = settings(Clients::All);
    flooded.subnets[0] = subnet("192.0.2.0/24", ip(100), ip(199));
    let mut server = Server::new(flooded, &[OWN], Vec::new(), at(0));
    let phones: Vec<Ipv4Addr> = (120..170).map(|of| bind(&mut server, of, 0)).collect();
    let mut offers = 0;
    for n in 0..10_000_u32 {
        let [_, _, a, b] = n.to_be_bytes();
        let stranger = Packet::new(1, 1).without(60).field(28, &[2, 7, 7, a, b, 1]);
        offers += usize::from(matches!(stranger.to(&mut server, 1), Outcome::Offer { .. }));
    }
    assert!(offers <= 250, "{offers}");
    for (of, address) in (120..170).zip(phones) {
        assert_eq!(answer(&Packet::new(3, of).unicast(address).to(&mut server, 1)).kind, 5, "{of}");
    }
    // What was offered is free after half a minute.
    server.tick(at(40));
    assert_eq!(server.leases().usage(&server.settings.subnets[0]).used, 50);
    assert!(server.offers.clear().is_empty());
}

/// T11: all addresses are offered to who says that he is a phone. One that is assigned gets what was offered first; that is
/// then nobody else's.
#[test]
fn t11_an_assigned_phone_comes_before_an_offer() {
    let mut server = server();
    let offered: Vec<Ipv4Addr> = (1..=9).map(|of| answer(&Packet::new(1, of).to(&mut server, 1)).yiaddr).collect();
    assert_eq!(dropped(&Packet::new(1, 10).to(&mut server, 2)), Dropped::PoolFull);
    let taken = bind(&mut server, 70, 2);
    assert_eq!(taken, offered[0]);
    assert_eq!(answer(&select(1, taken).to(&mut server, 3)).kind, 6, "it is no longer the first's");
    // Neither what another assigned phone was offered nor what is somebody's is taken back.
    let second = answer(&select(2, offered[1]).to(&mut server, 3));
    assert_eq!((second.kind, second.yiaddr), (5, offered[1]));
    let others: Vec<Ipv4Addr> = (71..=77).map(|of| answer(&Packet::new(1, of).to(&mut server, 3)).yiaddr).collect();
    assert!(others[..6].iter().all(|ip| offered[2..].contains(ip)), "{others:?}");
    assert_eq!(others[6], ip(105), "its own");
    assert_eq!(answer(&Packet::new(1, 78).to(&mut server, 3)).yiaddr, offered[8]);
    assert_eq!(dropped(&Packet::new(1, 79).to(&mut server, 3)), Dropped::PoolFull);
    assert_eq!(bind(&mut server, 71, 4), others[0]);
}

/// T11: offers that nobody takes up, in the names of phones, keep no phone out.
#[test]
fn t11_offers_in_anybodys_name() {
    let mut server = server();
    for of in 1..=9 {
        assert_eq!(answer(&Packet::new(1, of).to(&mut server, 0)).kind, 2, "{of}");
    }
    assert_eq!(
        dropped(&Packet::new(1, 10).to(&mut server, 2)),
        Dropped::PoolFull,
        "one unassigned phone is as good as another"
    );
    let known = answer(&Packet::new(1, 71).to(&mut server, 2)).yiaddr;
    assert_eq!(answer(&select(1, known).to(&mut server, 2)).kind, 6, "it was offered to another since");
    assert_eq!(answer(&select(71, known).to(&mut server, 2)).kind, 5);
    let next = answer(&Packet::new(1, 10).to(&mut server, 3)).yiaddr;
    assert_eq!(answer(&select(10, next).to(&mut server, 3)).kind, 5, "three seconds are enough to take an offer up");
    // Assigned phones' MACs, forged: the oldest gives way, and no lease does.
    let mut server = self::server();
    let leased = bind(&mut server, 90, 0);
    for of in (71..=80).filter(|of| *of != 77 && *of != 80) {
        assert_eq!(answer(&Packet::new(1, of).to(&mut server, 1)).kind, 2, "{of}");
    }
    assert_eq!(dropped(&Packet::new(1, 91).to(&mut server, 3)), Dropped::PoolFull);
    for of in 91..=98 {
        assert_ne!(answer(&Packet::new(1, of).to(&mut server, 4)).yiaddr, leased, "{of}");
    }
    assert_eq!(dropped(&Packet::new(1, 99).to(&mut server, 4)), Dropped::PoolFull);
    assert!(server.leases().at(leased).is_some_and(|lease| lease.active(at(4))));
}

/// Two networks on one link: each phone in its own, and told our address there.
#[test]
fn two_networks_on_one_link() {
    let both: [Ipv4Net; 2] = ["192.0.2.1/24".parse().unwrap(), "198.51.100.1/24".parse().unwrap()];
    let link = Link { addresses: both.to_vec(), ..link() };
    let (here, there) = (OWN.octets(), [198, 51, 100, 1]);
    let mut settings = settings(Clients::Phones);
    settings.reservations.insert(MacAddr::new(mac(78)).unwrap(), [198, 51, 100, 50].into());
    let mut server = Server::new(settings, &both.map(|net| net.addr()), Vec::new(), at(0));
    let told = |answer: &Answer| {
        let four = |code| <[u8; 4]>::try_from(answer.option(code).unwrap()).unwrap();
        let siaddr = <[u8; 4]>::try_from(&answer.bytes[20..24]).unwrap();
        [four(54), four(150), siaddr]
    };
    let reserved = answer(&Packet::new(1, 78).on(&link, &mut server, 0));
    assert_eq!((reserved.yiaddr.octets(), told(&reserved)), ([198, 51, 100, 50], [there; 3]));
    let first = answer(&Packet::new(1, 1).on(&link, &mut server, 0));
    assert_eq!((first.yiaddr, told(&first)), (ip(100), [here; 3]));
    // An address that it had, or has, in the second.
    let wished = Packet::new(1, 2).with(50, &[198, 51, 100, 103]).on(&link, &mut server, 0);
    assert_eq!(answer(&wished).yiaddr.octets(), [198, 51, 100, 103]);
    let take = Packet::new(3, 2).with(54, &there).with(50, &[198, 51, 100, 103]).on(&link, &mut server, 0);
    assert_eq!(told(&answer(&take)), [there; 3]);
    written(&mut server, take);
    assert_eq!(answer(&Packet::new(1, 2).on(&link, &mut server, 9)).yiaddr.octets(), [198, 51, 100, 103]);
    let renewed = Packet::new(3, 2).unicast([198, 51, 100, 103].into()).on(&link, &mut server, 9);
    assert_eq!(told(&answer(&renewed)), [here, there, there], "it sent that to our first address, and knows us by it");
    // Whichever of our addresses it names, we are meant; a neighbour's is another server.
    let named = |of: u8, name: &[u8; 4]| Packet::new(3, of).with(54, name).with(50, &[198, 51, 100, 104]);
    assert_eq!(told(&answer(&named(3, &here).on(&link, &mut server, 9))), [here, there, there]);
    assert_eq!(
        answer(&named(4, &there).on(&link, &mut server, 9)).option(54),
        Some(&there[..]),
        "refused by that name"
    );
    assert!(matches!(named(4, &[198, 51, 100, 9]).on(&link, &mut server, 9), Outcome::Overheard { .. }));
    // The first is full: eight more have its addresses.
    for of in 10..=18 {
        let offered = answer(&Packet::new(1, of).on(&link, &mut server, 10)).yiaddr;
        assert_eq!(offered.octets()[0] == 192, of < 18, "{of}: {offered}");
    }
}

/// Somebody answers for every address: what was kept back for it is free again, and people hear of it once.
#[test]
fn who_answers_for_all_keeps_nothing_back() {
    let mut server = server();
    let proxy = MacAddr::new([2, 0, 0, 0, 0, 1]).unwrap();
    let found: Vec<Ipv4Addr> = (0..2)
        .map(|second| {
            let offered = answer(&Packet::new(1, 1).to(&mut server, second)).yiaddr;
            let commit = server.taken(offered, Answerer::Host(proxy), proxy, at(second)).unwrap();
            assert!(server.wrote(&commit));
            offered
        })
        .collect();
    assert_eq!(found, [ip(100), ip(101)]);
    assert_eq!(answer(&Packet::new(1, 1).to(&mut server, 2)).yiaddr, ip(102));
    server.notices();
    // One of them is taken up meanwhile by somebody who showed that it is its own: that stays.
    let freed = server.answers_for_all(Answerer::Host(proxy), &[ip(100), ip(101), ip(102)], at(2));
    assert_eq!(
        freed.iter().map(|commit| (commit.lease.ip, commit.lease.state)).collect::<Vec<_>>(),
        [(ip(100), LeaseState::Declined), (ip(101), LeaseState::Declined)]
    );
    assert_eq!(server.notices(), [Notice::Everywhere(Answerer::Host(proxy))]);
    let usage = server.leases().usage(&server.settings.subnets[0]);
    assert_eq!(usage.used, 1, "the one that is offered");
    for of in 2..=9 {
        bind(&mut server, of, 3);
    }
}

/// Takes what is to be written as written.
fn written(server: &mut Server, outcome: Outcome) -> Commit {
    let Outcome::Commit(commit) = outcome else { panic!("nothing to write: {outcome:?}") };
    assert!(server.wrote(&commit));
    *commit
}

/// F4: the disk is full. Who has an address keeps it; who has none hears nothing, and nothing is given twice.
#[test]
fn f4_what_cannot_be_written() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    let Outcome::Commit(renewal) = Packet::new(3, 1).unicast(address).to(&mut server, 1_000) else { panic!() };
    assert_eq!(server.failed(*renewal, at(1_000)).map(|reply| read(&reply).kind), Some(5));
    let offered = answer(&Packet::new(1, 2).to(&mut server, 1_000)).yiaddr;
    let Outcome::Commit(new) = select(2, offered).to(&mut server, 1_000) else { panic!() };
    assert_eq!(server.failed(*new, at(1_000)), None);
    assert_eq!(server.leases().at(offered), None);
    // One that was another's before is that one's again.
    let Outcome::Commit(released) = Packet::new(7, 1).unicast(address).to(&mut server, 1_001) else { panic!() };
    assert_eq!(server.failed(*released, at(1_001)), None);
    assert!(server.leases().at(address).is_some_and(|lease| lease.active(at(1_001))));
}

/// F31 behind a relay: who answered at an address that a phone had may be anybody, so it is not the phone's again; and what was
/// kept back because of who answers for all is in nobody's name.
#[test]
fn f31_behind_a_relay_nobody_knows_who_answered() {
    let mut server = server();
    let phone = MacAddr::new(mac(1)).unwrap();
    let had = bind(&mut server, 1, 0);
    server.tick(at(4_000));
    let commit = server.taken(had, Answerer::Behind(ip(254)), phone, at(4_000)).unwrap();
    assert_eq!(commit.lease.state, LeaseState::Declined);
    let other = answer(&Packet::new(1, 1).to(&mut server, 4_001)).yiaddr;
    assert_ne!(other, had);
    server.taken(other, Answerer::Behind(ip(254)), phone, at(4_001)).unwrap();
    assert_eq!(server.answers_for_all(Answerer::Behind(ip(254)), &[had, other], at(4_002)).len(), 2);
    let last = bind(&mut server, 1, 4_003);
    assert_eq!(answer(&Packet::new(1, 1).to(&mut server, 4_004)).yiaddr, last, "it keeps its address");
    // What another was found at since is not freed.
    let squatter = |last| Answerer::Host(MacAddr::new([2, 0, 0, 0, 0, last]).unwrap());
    let offered = answer(&Packet::new(1, 2).to(&mut server, 4_005)).yiaddr;
    server.taken(offered, squatter(1), phone, at(4_005)).unwrap();
    assert_eq!(server.answers_for_all(squatter(2), &[offered], at(4_006)).len(), 0);
    assert_eq!(server.answers_for_all(squatter(1), &[offered], at(4_006)).len(), 1);
}

/// T14: of two networks on a link one is for phones alone. A computer that asks for its address there is of the link, and is
/// not refused.
#[test]
fn t14_an_address_of_a_network_that_a_client_is_not_served_from() {
    let both: [Ipv4Net; 2] = ["192.0.2.1/24".parse().unwrap(), "198.51.100.1/24".parse().unwrap()];
    let link = Link { addresses: both.to_vec(), ..link() };
    let mut settings = self::settings(Clients::All);
    settings.subnets[0].clients = Some(Clients::Phones);
    let mut server = Server::new(settings, &both.map(|net| net.addr()), Vec::new(), at(0));
    let computer = |ip: Ipv4Addr| Packet::new(3, 1).without(60).with(50, &ip.octets());
    assert_eq!(dropped(&computer(ip(33)).on(&link, &mut server, 0)), Dropped::Unknown);
    assert_eq!(answer(&computer([203, 0, 113, 5].into()).on(&link, &mut server, 0)).kind, 6);
}

/// F4: a client asks twice, in two batches. While the second is on its way its address is nobody else's, whatever became of the
/// first.
#[test]
fn f4_an_address_waits_for_the_last_word() {
    for second_is_written in [true, false] {
        let mut server = server();
        let offered = answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr;
        let Outcome::Commit(first) = select(1, offered).to(&mut server, 0) else { panic!() };
        let Outcome::Commit(again) = select(1, offered).to(&mut server, 0) else { panic!() };
        assert_eq!(server.failed(*first, at(0)), None);
        let others = bind(&mut server, 2, 0);
        assert_ne!(others, offered);
        if second_is_written {
            assert!(server.wrote(&again));
        } else {
            assert_eq!(server.failed(*again, at(0)), None);
        }
        assert_eq!(bind(&mut server, 3, 0) == offered, !second_is_written);
        assert!(server.on_the_way.is_empty());
    }
    // Its client goes to another address meanwhile: it is acknowledged that one alone.
    let mut server = server();
    let offered = answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr;
    let Outcome::Commit(first) = select(1, offered).to(&mut server, 0) else { panic!() };
    let Outcome::Commit(moved) = Packet::new(3, 1).with(50, &ip(107).octets()).to(&mut server, 0) else { panic!() };
    assert!(!server.wrote(&first) && server.wrote(&moved));
}

/// F4: the disk failed when a client left an address, and has both rows after a start: the one that was written later holds.
#[test]
fn f4_two_rows_of_one_client() {
    let of = |last, ends| {
        let (mac, state) = (MacAddr::new(mac(1)).unwrap(), LeaseState::Bound);
        Lease { ip: ip(last), mac, ends: at(ends), state, phone: true, model: None, hostname: None }
    };
    for left in [100, 4_000, 8_000] {
        let rows = vec![of(106, left), of(104, 4_000)];
        let mut server = Server::new(settings(Clients::Phones), &[OWN], rows, at(200));
        assert!(server.leases().at(ip(104)).is_some_and(|lease| lease.active(at(200))));
        assert_eq!(answer(&Packet::new(1, 1).to(&mut server, 200)).yiaddr, ip(104));
        assert_ne!(answer(&Packet::new(1, 2).with(50, &ip(104).octets()).to(&mut server, 200)).yiaddr, ip(104));
    }
}

/// F4: a client has gone to another address when what took its old one could not be written: it keeps the new one.
#[test]
fn f4_what_is_put_back_takes_nothing_away() {
    let mut server = server();
    let old = bind(&mut server, 1, 0);
    let day = 86_400;
    server.tick(at(day));
    let Outcome::Commit(others) = Packet::new(3, 2).with(50, &old.octets()).to(&mut server, day) else { panic!() };
    let Outcome::Commit(moved) = Packet::new(3, 1).with(50, &ip(107).octets()).to(&mut server, day) else { panic!() };
    assert_eq!(server.failed(*others, at(day)), None);
    assert!(server.wrote(&moved));
    assert!(server.leases().at(ip(107)).is_some_and(|lease| lease.active(at(day))));
    assert_eq!(answer(&Packet::new(1, 1).to(&mut server, day)).yiaddr, ip(107));
}

/// F4: what is kept from everybody stays so when its row cannot be written anew, whoever found somebody there.
#[test]
fn f4_what_was_declined_stays_so() {
    let mut server = server();
    let found = answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr;
    let Outcome::Commit(declined) = Packet::new(4, 1).with(50, &found.octets()).to(&mut server, 0) else { panic!() };
    assert!(server.wrote(&declined));
    assert_ne!(bind(&mut server, 1, 1), found);
    for commit in server.again(|lease| lease.ip == found) {
        assert_eq!(server.failed(commit, at(2)), None);
    }
    assert!(server.leases().at(found).is_some_and(|lease| lease.state == LeaseState::Declined));
}

/// F4: the same after a lease that ended: what is written holds.
#[test]
fn f4_what_failed_once_and_was_written_then() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    let day = 86_400;
    server.tick(at(day));
    let Outcome::Commit(first) = select(1, address).to(&mut server, day) else { panic!() };
    let Outcome::Commit(again) = select(1, address).to(&mut server, day) else { panic!() };
    assert_eq!(server.failed(*first, at(day)), None);
    assert!(server.wrote(&again));
    assert!(server.leases().at(address).is_some_and(|lease| lease.active(at(day))));
    assert_ne!(answer(&Packet::new(1, 2).to(&mut server, day)).yiaddr, address);
}

/// F4: a client asks twice before the first answer is written. What was never on the disk is not acknowledged.
#[test]
fn f4_two_changes_of_one_address_on_their_way() {
    for (first_is_written, second_is_written) in [(false, false), (true, false), (false, true)] {
        let mut server = server();
        let offered = answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr;
        let Outcome::Commit(first) = select(1, offered).to(&mut server, 0) else { panic!() };
        let Outcome::Commit(second) = select(1, offered).to(&mut server, 1) else { panic!() };
        if first_is_written {
            assert!(server.wrote(&first));
        } else {
            assert_eq!(server.failed(*first, at(1)), None);
        }
        if second_is_written {
            assert!(server.wrote(&second));
        } else {
            assert_eq!(server.failed(*second, at(1)).is_some(), first_is_written);
        }
        let has = server.leases().at(offered).is_some_and(|lease| lease.active(at(2)));
        assert_eq!(has, first_is_written || second_is_written, "{first_is_written} {second_is_written}");
    }
}

/// F4: a disk that stays full for long: what was acknowledged goes on being so.
#[test]
fn f4_renewals_go_on_and_on() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    for second in [1_800, 3_600, 5_400, 7_200] {
        let Outcome::Commit(renewal) = Packet::new(3, 1).unicast(address).to(&mut server, second) else {
            panic!("{second}")
        };
        assert!(server.failed(*renewal, at(second)).is_some(), "{second}");
        server.tick(at(second + 3_599));
        assert!(server.leases().at(address).is_some_and(|lease| lease.active(at(second + 3_599))), "{second}");
    }
}

/// An address that was offered to its user, and given to another after it could not be written or was given back, is not
/// offered to the first again.
#[test]
fn f4_what_was_offered_and_is_anothers_now() {
    let mut server = server();
    let offered = answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr;
    let Outcome::Commit(lost) = select(1, offered).to(&mut server, 0) else { panic!() };
    assert_eq!(answer(&Packet::new(1, 1).to(&mut server, 0)).yiaddr, offered);
    assert_eq!(server.failed(*lost, at(0)), None);
    assert_eq!(bind(&mut server, 2, 1), offered);
    assert_ne!(bind(&mut server, 1, 1), offered);
    // Given back, and then asked for by name.
    let mut server = self::server();
    let address = bind(&mut server, 1, 0);
    assert_eq!(answer(&Packet::new(1, 1).to(&mut server, 1)).yiaddr, address);
    let released = Packet::new(7, 1).unicast(address).to(&mut server, 2);
    written(&mut server, released);
    assert_eq!(answer(&Packet::new(3, 2).with(50, &address.octets()).to(&mut server, 3)).kind, 5);
    assert_ne!(bind(&mut server, 1, 4), address);
}

/// A phone moves to another address while that is being written, and its old one goes to another; the write fails.
#[test]
fn f4_an_address_that_was_left_is_not_taken_back() {
    let mut server = server();
    let left = bind(&mut server, 1, 0);
    let Outcome::Commit(moved) = Packet::new(3, 1).with(50, &ip(103).octets()).to(&mut server, 1) else { panic!() };
    assert_eq!(moved.left, Some(left));
    let offered = answer(&Packet::new(1, 2).with(50, &left.octets()).to(&mut server, 1)).yiaddr;
    assert_eq!(offered, left);
    let Outcome::Commit(other) = select(2, left).to(&mut server, 1) else { panic!() };
    assert_eq!(server.failed(*moved, at(2)), None);
    assert!(server.wrote(&other));
    assert_eq!(server.leases().at(left).map(|lease| lease.mac.octets()), Some(mac(2)));
    assert_eq!(dropped(&Packet::new(3, 1).unicast(left).to(&mut server, 3)), Dropped::Unknown);
}

/// An address that became this host's, or was reserved, is renewed by nobody else.
#[test]
fn an_address_that_is_kept_from_now_on() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    server.own([address]);
    assert_eq!(dropped(&Packet::new(3, 1).unicast(address).to(&mut server, 1_800)), Dropped::Unknown);
    assert_eq!(answer(&Packet::new(3, 1).with(50, &address.octets()).to(&mut server, 1_801)).kind, 6);
    assert_ne!(answer(&Packet::new(1, 1).to(&mut server, 1_802)).yiaddr, address);
    let offered = answer(&Packet::new(1, 2).to(&mut server, 1_803)).yiaddr;
    server.own([offered]);
    assert_ne!(answer(&Packet::new(1, 2).to(&mut server, 1_804)).yiaddr, offered, "nor is it offered on");
}

/// F14: times end when they would have.
#[test]
fn f14_the_clock_is_put() {
    for by in [-3_600, 3_600, 315_360_000] {
        let mut server = server();
        let address = bind(&mut server, 1, 0);
        server.shift(SignedDuration::from_secs(by), at(10 + by));
        let again = server.again(|lease| lease.ip == address).remove(0);
        assert_eq!(server.failed(again, at(10 + by)), None, "the disk is full as well");
        assert_eq!(server.leases().at(address).map(|lease| lease.ends), Some(at(3_600 + by)));
        server.tick(at(3_599 + by));
        assert_ne!(bind(&mut server, 2, 3_599 + by), address);
        assert!(server.leases().at(address).is_some_and(|lease| lease.active(at(3_599 + by))));
    }
}

/// Who asks for less than he has may not hear that he got it, and goes on with what he has.
#[test]
fn a_shorter_lease_ends_no_sooner() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    let shorter = Packet::new(3, 1).with(51, &[0, 0, 1, 44]).unicast(address).to(&mut server, 10);
    assert_eq!(answer(&shorter).option(51), Some(&[0, 0, 1, 44][..]));
    assert_eq!(written(&mut server, shorter).lease.ends, at(3_600));
    assert_ne!(bind(&mut server, 2, 3_599), address);
    let renewed = Packet::new(3, 1).with(51, &[0, 0, 1, 44]).unicast(address).to(&mut server, 3_599);
    assert_eq!(written(&mut server, renewed).lease.ends, at(3_899));
}

/// What is known from an earlier life holds; offers of it are taken up as well.
#[test]
fn a_restart() {
    let mut server = server();
    let address = bind(&mut server, 1, 0);
    let offered = answer(&Packet::new(1, 2).to(&mut server, 0)).yiaddr;
    let known: Vec<Lease> = server.leases().all().cloned().collect();
    let mut server = Server::new(settings(Clients::Phones), &[OWN], known, at(5));
    assert_eq!(answer(&select(2, offered).to(&mut server, 5)).kind, 5);
    assert_ne!(bind(&mut server, 3, 6), address);
    assert_eq!(bind(&mut server, 1, 7), address);
}
