title A 7940 takes the SIP image twice and starts its old application: this unit does not take the load
about 001B54AABBD7
phone {MAC} model 7940 lines 1001
firmware P0S3-8-12-00 P0S3-8-12-00.loads,P003-8-12-00.sbn,P0S3-8-12-00.sb2
0:00 announces model 7940 load P00308000500
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:06 converts P0S3-8-12-00
1:00 asks CTLSEP{MAC}.tlv -> not-found
1:01 gets SEP{MAC}.cnf.xml
1:02 gets P0S3-8-12-00.loads
1:03 gets P0S3-8-12-00.sb2
fault: 1:30 gets P0S3-8-12-00.sb2
fault: 3:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 3:01 gets SEP{MAC}.cnf.xml
fault: 3:02 asks 7960-font.xml -> not-found
sound: 3:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 3:01 gets SEP{MAC}.cnf.xml
sound: 3:02 gets SIP{MAC}.cnf
sound: 3:03 gets RINGLIST.DAT
sound: 3:05 registers 1001 agent Cisco-CP7940G/8.0
8:00 waits
finds image-refused
