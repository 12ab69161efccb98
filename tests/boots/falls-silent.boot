title A 7942 takes one image of two and is not heard again
about 001B54AABBD9
phone {MAC} model 7942 lines 1001
firmware SIP42.9-4-2SR3-1S SIP42.9-4-2SR3-1S.loads,jar42sip.9-4-2ES26.sbn,cnu42.9-4-2ES26.sbn
0:00 announces model 7942 load SCCP42.9-3-1SR4-1S
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:06 converts SIP42.9-4-2SR3-1S
0:10 gets SEP{MAC}.cnf.xml
0:30 gets SIP42.9-4-2SR3-1S.loads
0:31 gets jar42sip.9-4-2ES26.sbn
sound: 0:40 gets cnu42.9-4-2ES26.sbn
sound: 4:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 4:05 gets SEP{MAC}.cnf.xml
sound: 4:06 gets dialplan.xml
sound: 4:08 registers 1001 agent Cisco-CP7942G/9.4.2
31:00 waits
finds download-silent
