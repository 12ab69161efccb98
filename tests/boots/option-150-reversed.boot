title The DHCP server has option 150 as a how-to writes it, its octets the wrong way round
answers A20
about 001B54AABB20
phone {MAC} model 7960 lines 1001
fault: 0:00 misled 192.168.1.1 "option 150 has the octets of 192.168.1.1 the wrong way round"
sound: 0:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:05 gets SIP{MAC}.cnf
sound: 0:06 gets RINGLIST.DAT
sound: 0:08 registers 1001 agent Cisco-CP7960G/8.0
6:00 waits
finds dhcp-misleads
