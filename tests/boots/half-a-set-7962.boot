title A 7962 asks for one part of a set that was copied without it
answers A9
about 001B54AABB09
phone {MAC} model 7962 lines 1001
fault: firmware SIP42.9-4-2SR3-1S SIP42.9-4-2SR3-1S.loads,cnu42.9-4-2ES26.sbn lacks jar42sip.9-4-2ES26.sbn
sound: firmware SIP42.9-4-2SR3-1S SIP42.9-4-2SR3-1S.loads,jar42sip.9-4-2ES26.sbn,cnu42.9-4-2ES26.sbn
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 asks jar42sip.9-4-2ES26.sbn -> not-found
sound: 0:01 gets jar42sip.9-4-2ES26.sbn
sound: 1:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 1:00 gets SEP{MAC}.cnf.xml
sound: 1:01 gets dialplan.xml
sound: 1:03 registers 1001 agent Cisco-CP7962G/9.4.2
finds set-incomplete
