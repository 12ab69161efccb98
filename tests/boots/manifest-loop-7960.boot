title A 7960 does the same with another release, and the keys of a reset change nothing
answers A3
about 001B54AABB03
phone {MAC} model 7960 lines 1001
firmware P0S3-08-2-00 P0S3-08-2-00.loads,P003-08-2-00.sbn,P0S3-08-2-00.sb2
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets P0S3-08-2-00.loads
fault: 2:40 leases 10.0.7.60
fault: 2:45 asks CTLSEP{MAC}.tlv -> not-found
fault: 2:46 gets P0S3-08-2-00.loads
fault: 3:20 asks CTLSEP{MAC}.tlv -> not-found
fault: 3:21 gets P0S3-08-2-00.loads
sound: 0:02 gets P003-08-2-00.sbn
sound: 1:00 gets P0S3-08-2-00.loads
sound: 1:02 gets P0S3-08-2-00.sb2
sound: 2:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 2:00 gets SIP{MAC}.cnf
sound: 2:01 gets RINGLIST.DAT
sound: 2:03 registers 1001 agent Cisco-CP7960G/8.2
finds manifest-refused
