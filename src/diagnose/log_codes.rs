//! What the codes of log lines mean.

/// Code, title, text.
pub(super) const CODES: &[(&str, &str, &str)] = &[
    (
        "access-not-kept",
        "Who is at which address could not be written",
        "Phones are served. After a restart those that nothing else shows (behind a router, not registered) have to be approved. \
         Make room or repair the disk of server.state_dir.",
    ),
    (
        "access-unreadable",
        "Who was at which address could not be read",
        "Phones show anew who they are: by the link, a lease, a registration, or a first contact.",
    ),
    (
        "address-absent",
        "An address that is listened on is not there",
        "A key such as tftp.listen names an address that this host does not have. The others serve; who asks there is served \
         once the interface is up. Correct the key if it is no address of this host.",
    ),
    (
        "address-free",
        "An address that was held is served",
        "Another program had the port; it is free now, and phones and people are served there.",
    ),
    (
        "address-held",
        "Another program holds a port",
        "Nobody is served at that address; everything else runs. For 69/udp it is usually another TFTP server (tftpd-hpa, \
         dnsmasq, xinetd): `offhook setup` takes the port over, or stop and disable that one. It is tried every 30 s, and at \
         once after `systemctl reload offhook`. `offhook check`, as root, names the process.",
    ),
    (
        "address-taken",
        "An address of the pool is somebody's",
        "Before it was offered it was called, and somebody answered who has no lease: a host with a fixed address, or another DHCP server's client. It is given to nobody for a day. Take fixed addresses out of dhcp.subnet.pool; see `offhook dhcp listen` for other servers.",
    ),
    (
        "admin-host",
        "The page was asked for by a name that is not known",
        "A browser came by a name that is neither this host's nor in admin.hosts, and got 421: another site may have had its name \
         lead here. Where the name is yours (a proxy's), add it to admin.hosts and restart.",
    ),
    ("admin-login", "Somebody logged in to the page", "Who, and from where; behind a proxy, the proxy's address."),
    (
        "admin-login-failed",
        "A login to the page failed",
        "src= is where it came from; what was typed is not written. After five, tries have to wait, longer each time and a minute \
         at most. A password that is lost: `offhook admin password`, as root.",
    ),
    (
        "admin-login-limited",
        "Passwords of the page are being tried",
        "src= has to wait before its next try counts. See which device that is; where the page listens beyond 127.0.0.1, think of \
         taking that back (docs/admin.md).",
    ),
    (
        "admin-not-kept",
        "The account of the page could not be written",
        "Nothing was changed. See the disk of server.state_dir.",
    ),
    (
        "admin-refused",
        "Something asked over the network was refused",
        "A token that may only look asked for a change, or a request came with somebody's login and from another site's page. \
         who= is whose. Behind a proxy that replaces the Host header all forms are refused so: docs/admin.md.",
    ),
    (
        "answers-for-all",
        "Somebody answers at addresses that nobody has",
        "Before an address is offered it is called, and the same host answered at three of them: a router with proxy ARP, a captive portal, a firewall. What it says is ignored, and phones get those addresses. A host that sits at an address of the pool is not noticed behind it, so keep fixed addresses out of dhcp.subnet.pool, and switch that off for the phones' network (Linux: net.ipv4.conf.*.proxy_arp; Cisco IOS: no ip proxy-arp).",
    ),
    ("audit", "Somebody changed something", "Who did what; `offhook convert log` prints all of it."),
    (
        "circuit-not-trusted",
        "A switch adds option 82 to DHCP packets",
        "That is DHCP snooping. Where the switch is yours, set dhcp.trusted_circuit = true and restart; else phones behind it get no address from here.",
    ),
    (
        "client-id-foreign",
        "A DHCP client calls itself an assigned phone",
        "Option 61 names the MAC of an assigned phone, and the packet comes from another one. It is served by the MAC that it has; look which device that is.",
    ),
    (
        "clock-stepped",
        "The wall clock was put",
        "By more than a minute at once: a time server was reached, or somebody set it. What phones get is the same; times in \
         the timeline before and after do not compare. Where it happens again and again, see the host's time service.",
    ),
    (
        "discovery",
        "Phones' announcements are listened to",
        "CDP, LLDP and what clients ask of DHCP servers, on that interface; see docs/discovery.md.",
    ),
    (
        "discovery-refused",
        "Phones' announcements may not be listened to",
        "A packet socket takes CAP_NET_RAW, which the unit does not give by itself: discovery.conf, in /usr/share/offhook/systemd, is the \
         drop-in for /etc/systemd/system/offhook.service.d. Everything else works without.",
    ),
    (
        "discovery-waits",
        "An interface of discovery.interfaces is not there",
        "It is not there, or down. It is tried every 2 s; everything else goes on. Correct the key if it is no interface of this \
         host.",
    ),
    (
        "config-denied",
        "A phone's configuration was denied",
        "src= is who asked, asked= for what, evidence= what is known of who is there (none, or a MAC by lease, overheard or \
         neighbour), why= foreign (another device), unproven, late, contested (two addresses ask), shut (a name-walk there) or \
         silent (nobody answers for that address on its link: a source that was made up). Ten \
         lines a minute for one source, sixty for all. `offhook explain MAC` says what to do; contrib/fail2ban reads the line.",
    ),
    (
        "config-foreign",
        "Another device got a phone's configuration",
        "access.policy is open, so whoever asks is served; this one is known to be another device. Set the policy to own-mac.",
    ),
    (
        "conversion",
        "A phone's conversion came a step further, or did not",
        "`offhook convert status` says where each phone is.",
    ),
    (
        "conversion-halted",
        "Conversion stopped by itself",
        "Two phones in a row failed, or more than one in twenty. No further phone begins; those under way finish and are served \
         on. `offhook convert status` says what became of each; once that is understood, `offhook convert resume`.",
    ),
    (
        "conversion-not-kept",
        "The state of a conversion could not be written",
        "A phone is offered a step only after it was kept, so none goes further until the disk of server.state_dir takes it. What \
         phones are in the middle of is served on.",
    ),
    (
        "conversion-paused",
        "A load that phones are on their way to is not whole any more",
        "A file of it is gone from the firmware store or damaged: the load is named in no file, and no further phone begins. \
         Bring its archive with `offhook firmware add`, then `offhook convert resume`.",
    ),
    (
        "conversions-unreadable",
        "A stored conversion could not be read",
        "That phone counts as not begun. Start it again with `offhook convert start`: the way is made from what it runs.",
    ),
    (
        "dhcp-not-watched",
        "DHCP servers are not watched on an interface",
        "An interface of dhcp.interfaces is absent, down, or its UDP port 68 cannot be had. It is tried every second; everything \
         else runs. `ip link` shows whether it is there, `ss -ulnp sport = :68` who has the port.",
    ),
    ("dhcp-serves", "DHCP is served", "On that interface, with dhcp.mode and dhcp.subnet as configured."),
    (
        "dhcp-server",
        "A DHCP server is there",
        "It answered when it was asked as a phone asks, and sends phones to this host; or it was overheard answering somebody \
         else. Where this host is to serve addresses itself, it does not beside that one, unless dhcp.beside_other_server says so.",
    ),
    (
        "dhcp-server-beside",
        "Another DHCP server serves beside this host",
        "Whoever answers a phone first wins. Unless dhcp.beside_other_server says that both are meant, stop that server, or set \
         dhcp.mode to off and let that one tell phones.",
    ),
    (
        "dhcp-server-gone",
        "A DHCP server is not heard any more",
        "Not in three of the questions that come every ten minutes. If it was meant to be there, phones get no address when they next start.",
    ),
    (
        "dhcp-server-wrong",
        "A DHCP server tells phones something wrong",
        "Phones do not find this host by it, or only some do. `offhook check` says what to do, `offhook dhcp snippet` what to write \
         into that server. Where nobody knows that server, it is a stranger's: find its port on the switch by its address, and see \
         DHCP snooping.",
    ),
    (
        "dhcp-waits",
        "DHCP is not served on an interface",
        "It is not there, not up, has no address, or another program has port 67 there. It is looked at every second, and served as soon as it can be; nothing else waits for it.",
    ),
    ("dhcp-watched", "DHCP servers are watched on an interface again", "The interface is there and up."),
    (
        "drain-cut",
        "Transfers were cut at the end",
        "The daemon was told to end and waited 20 s for transfers under way. A phone that was cut asks again.",
    ),
    (
        "events-cut",
        "The last events were not kept",
        "The daemon ended before the store took them: the timeline of the last seconds is missing after the start. See that \
         the disk of server.state_dir answers.",
    ),
    (
        "events-not-kept",
        "Events could not be written",
        "The store refused them; see the sentence for why. Phones are served, and `offhook phones timeline` has them until the \
         daemon ends. Make room or repair the disk of server.state_dir.",
    ),
    (
        "events-unreadable",
        "The stored timelines could not be read",
        "Timelines begin anew. Phones and what they are served are not touched.",
    ),
    (
        "fetched-not-kept",
        "What phones last fetched could not be written or read",
        "Phones are served. What changed since a phone last fetched a file is not told until it fetches it again, and may not be told after \
         a restart. Make room or repair the disk of server.state_dir.",
    ),
    (
        "firmware-unreadable",
        "A stored firmware file could not be read",
        "Loads with it are not offered any more. See the disk of server.state_dir, and bring the archive again.",
    ),
    (
        "firmware-added",
        "An archive was taken in",
        "The line says how many files are new, and which loads are complete with them. `offhook firmware list` shows \
         all.",
    ),
    (
        "firmware-damaged",
        "A stored firmware file is gone or damaged",
        "Its SHA-256 is not what it was when it came, or the file is not there: somebody touched the folder, or the \
         disk fails. Loads with it are not offered. Bring its archive again (`offhook firmware add`); see the disk's \
         health.",
    ),
    (
        "firmware-index-lost",
        "The index of the firmware store was made anew",
        "It was gone or could not be read. Files were named by their signed headers; what says no name of itself is \
         in `firmware/lost/` of server.state_dir: bring it again by its name. See the disk's health.",
    ),
    (
        "firmware-refused",
        "An archive was not taken in",
        "Nothing of it was kept; the line says why. `docs/firmware.md` has the usual reasons.",
    ),
    ("firmware-removed", "A load was removed", "By `offhook firmware remove`. What other loads are made of stays."),
    (
        "firmware-rest",
        "Files that nothing names could not be deleted",
        "They take room in `firmware/blobs/` of server.state_dir and do no harm; they go at the next start. See that \
         the folder is writable.",
    ),
    (
        "firmware-result",
        "What came of a dropped archive could not be written",
        "The archive in `firmware-drop/` was looked at; the log says what came of it. Make room, or see that the \
         folder is writable.",
    ),
    (
        "first-run",
        "The page has no account yet",
        "Whoever has the token of the first run makes it at /setup: `offhook admin token`, as root, prints the token, which also \
         lies in first-run-token in server.state_dir. `offhook admin password` makes the account without it.",
    ),
    (
        "http-accept",
        "A caller over HTTP could not be taken",
        "Usually there was no file descriptor left. TFTP goes on. See who holds the connections (`ss -tn`), and LimitNOFILE \
         of the unit.",
    ),
    (
        "leases-kept",
        "Leases are kept again",
        "What kept them from the disk is mended; phones without an address get one.",
    ),
    (
        "leases-not-kept",
        "Leases cannot be written",
        "An address is acknowledged when it is on the disk, so a phone that has none gets none; those that have one keep it. Usually the disk of server.state_dir is full or read-only.",
    ),
    (
        "leases-unreadable",
        "Leases cannot be read",
        "The server begins without them. A phone that asks for the address it had gets it again, if it is free.",
    ),
    (
        "log-filter",
        "OFFHOOK_LOG is not understood",
        "It is a level (error, warn, info, debug, trace), or levels by part such as info,offhook::tftp=debug. The default is \
         used until it is corrected.",
    ),
    (
        "manager-down",
        "Asterisk's manager interface is away",
        "Registrations are not known while it is, and nobody is called unregistered for that; files are served on. The \
         sentence says what failed: the address, the login, or Asterisk itself. It is tried again by itself, a minute after a \
         refused login.",
    ),
    (
        "manager-up",
        "Logged in to Asterisk's manager interface",
        "The registrations were listed and are followed from now on.",
    ),
    (
        "name-walk",
        "Somebody asks for one phone after another",
        "An address asked for the files of five phones that it is not within a minute: with policy own-mac it gets no phone's file \
         for ten minutes, unless it is shown to be the phone. Or addresses of one network asked for twenty: with own-mac no phone \
         that nothing is known of is served there for ten minutes. One line for each network in that time. See which device it is: it looks for secrets. Many \
         phones that nobody assigned, booting at once behind a router, look the same.",
    ),
    (
        "panic",
        "A fault of the program",
        "The part of the daemon that met it is started anew. Please report the line, with what happened just before.",
    ),
    (
        "part-restarted",
        "A part of the daemon was started anew",
        "It met a fault of the program, which the lines before describe; please report them. The other parts went on. Five \
         within a minute end the daemon, and systemd starts it again.",
    ),
    (
        "pbx-down",
        "The PBX's database does not answer",
        "The last good roster is served on, whatever its age. The sentence says what failed. It is tried again by itself, \
         after a second at first and after a minute at most.",
    ),
    (
        "pbx-socket-closed",
        "FreePBX's pages cannot ask offhook",
        "The socket pbx.sock belongs to group asterisk, and the daemon's user is not in it. The pages show what was published \
         last and cannot tell phones to restart. adduser offhook asterisk, then systemctl restart offhook.",
    ),
    (
        "pool-filling",
        "A pool of addresses is nearly full",
        "Make dhcp.subnet.pool larger or dhcp.subnet.lease shorter; `offhook dhcp leases` shows who has them.",
    ),
    (
        "pool-full",
        "A pool of addresses is full",
        "The next phone gets no address. Nobody loses his: an address is free again when its lease ends. Make dhcp.subnet.pool larger or dhcp.subnet.lease shorter; `offhook dhcp leases` shows who has them.",
    ),
    (
        "publish-cut",
        "The last status was not written to the PBX",
        "The daemon ended before the PBX took it; it gets it after the next start.",
    ),
    (
        "publish-failed",
        "The status cannot be written to the PBX",
        "Phones are served; what the PBX shows of them is old. The sentence says what failed: often the right to write \
         offhook_status, see `grants.sql`. It is tried again by itself, and then the latest state is written.",
    ),
    (
        "reload-refused",
        "A configuration was refused",
        "The daemon was told to read its configuration again and it is not sound: the line says where. The old one goes on in \
         full. Correct it and reload; `offhook check` reads it, too.",
    ),
    ("reloaded", "The configuration was read again", "All of it is in use."),
    (
        "restart-needed",
        "A changed section takes a restart",
        "The configuration was read again, and the sections named are only read at the start: systemctl restart offhook.",
    ),
    (
        "roster-not-kept",
        "The roster could not be written",
        "Phones are served from memory. A restart would go back to an older roster until the PBX answers. Make room or repair \
         the disk of server.state_dir.",
    ),
    ("roster-unreadable", "The stored roster could not be read", "Phones are served once the PBX has been read."),
    (
        "secrets-shown",
        "Somebody was shown a file with its secrets",
        "`offhook render --reveal` was used on this host. The line is there so that it is known.",
    ),
    (
        "state-damaged",
        "The state database was damaged",
        "It was set aside, and the newest sound copy took its place; the line says which. What was assigned with `offhook \
         phones add` after that copy has to be added again; phones of the PBX come back by themselves. See the disk's health.",
    ),
    (
        "state-not-copied",
        "No copy of the state could be made",
        "The copies made before stay. Make room or repair the disk of server.state_dir.",
    ),
    (
        "stop-cut",
        "Stopped although phones were in the middle of images",
        "They did not get through in a quarter of an hour. They ask again once the daemon is back, and go on where they were; \
         never cut their power meanwhile.",
    ),
    (
        "stop-waits",
        "Told to stop while phones are in the middle of images",
        "They are served on, no further step begins, and the daemon ends when they are through, after a quarter of an hour at \
         the latest. To end it at once: systemctl kill offhook. The phones then wait until it is back.",
    ),
];
