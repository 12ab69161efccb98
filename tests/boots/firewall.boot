title A firewall lets port 69 in and nothing else: the phone asks for the same file every four seconds
answers A26
about 001B54AABB26
phone {MAC} model 7960 lines 1001
0:00 leases 10.0.7.60
0:02 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:06 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:10 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:14 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:18 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:03 gets SIP{MAC}.cnf
sound: 0:04 gets RINGLIST.DAT
sound: 0:06 registers 1001 agent Cisco-CP7960G/8.0
finds tftp-blocked
