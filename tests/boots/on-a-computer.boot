title A 7942 is off; its extension is registered on a computer that was shut down: that is no NAT
about 001B54AABBD3
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
0:05 registers 1001 at 10.0.9.9 agent Zoiper/5.6
fault: 1:05 unreachable 1001
4:05 waits
finds unreachable
