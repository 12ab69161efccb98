title A 7942 has the secret of before, and the PBX rejects it
about 001B54AABB42
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
fault: 0:03 rejects 1001 wrong-secret
sound: 0:03 registers 1001 agent Cisco-CP7942G/9.4.2
0:30 waits
finds register-rejected
