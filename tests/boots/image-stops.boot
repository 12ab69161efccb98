title The transfer of one image begins again and again and does not end
about 001B54AABBC2
phone {MAC} model 7942 lines 1001
firmware SIP42.9-4-2SR3-1S SIP42.9-4-2SR3-1S.loads,jar42sip.9-4-2ES26.sbn
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SIP42.9-4-2SR3-1S.loads
fault: 0:10 loses jar42sip.9-4-2ES26.sbn no-answer
fault: 0:40 loses jar42sip.9-4-2ES26.sbn no-answer
fault: 1:10 loses jar42sip.9-4-2ES26.sbn no-answer
sound: 0:10 gets jar42sip.9-4-2ES26.sbn
sound: 1:10 asks CTLSEP{MAC}.tlv -> not-found
sound: 1:10 gets SEP{MAC}.cnf.xml
sound: 1:11 gets dialplan.xml
sound: 1:13 registers 1001 agent Cisco-CP7942G/9.4.2
finds transfer-stalled
