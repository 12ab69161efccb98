title A 7975 says Upgrading after a reset, and its address is 0.0.0.0
answers A23
about 001B54AABB23
phone {MAC} model 7975 lines 1001
0:00 discovers
fault: 0:05 discovers
fault: 0:15 discovers
fault: 0:35 discovers
fault: 1:15 discovers
fault: 2:15 discovers
sound: 0:05 takes 10.0.7.60
sound: 0:20 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:20 gets SEP{MAC}.cnf.xml
sound: 0:21 gets dialplan.xml
sound: 0:23 registers 1001 agent Cisco-CP7975G/9.4.2
3:00 waits
finds no-address
