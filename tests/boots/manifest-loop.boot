title A 7940 reads the manifest of SIP 7.5 again and again and resets each time
answers A2
about 001B54AABB02
phone {MAC} model 7940 lines 1001
firmware P0S3-07-5-00 P0S3-07-5-00.loads,P003-07-5-00.sbn,P0S3-07-5-00.sb2
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets P0S3-07-5-00.loads
fault: 0:40 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:41 gets P0S3-07-5-00.loads
fault: 1:20 asks CTLSEP{MAC}.tlv -> not-found
fault: 1:21 gets P0S3-07-5-00.loads
sound: 0:02 gets P0S3-07-5-00.sb2
sound: 1:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 1:00 gets SIP{MAC}.cnf
sound: 1:01 gets RINGLIST.DAT
sound: 1:03 registers 1001 agent Cisco-CP7940G/7.5
finds manifest-refused
