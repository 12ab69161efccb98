title A 7942 is converted, reads the manifest of its next load again and again and takes none of it
about 001B54AABBD8
phone {MAC} model 7942 lines 1001
firmware SIP42.9-4-2SR3-1S SIP42.9-4-2SR3-1S.loads,jar42sip.9-4-2ES26.sbn,cnu42.9-4-2ES26.sbn
0:00 announces model 7942 load SCCP42.9-3-1SR4-1S
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:06 converts SIP42.9-4-2SR3-1S
0:10 gets SEP{MAC}.cnf.xml
0:30 gets SIP42.9-4-2SR3-1S.loads
fault: 1:30 gets SEP{MAC}.cnf.xml
fault: 1:40 gets SIP42.9-4-2SR3-1S.loads
fault: 2:30 gets SEP{MAC}.cnf.xml
fault: 2:40 gets SIP42.9-4-2SR3-1S.loads
fault: 3:30 gets SEP{MAC}.cnf.xml
fault: 3:40 gets SIP42.9-4-2SR3-1S.loads
sound: 0:31 gets jar42sip.9-4-2ES26.sbn
sound: 0:40 gets cnu42.9-4-2ES26.sbn
sound: 4:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 4:05 gets SEP{MAC}.cnf.xml
sound: 4:06 gets dialplan.xml
sound: 4:08 registers 1001 agent Cisco-CP7942G/9.4.2
8:00 waits
finds manifest-refused
